"""The listener that fits where the output goes."""

from collections.abc import Iterator
from contextlib import contextmanager

from ponder_tasks.listener import TrainingListener

from ponder_cli.bar_listener import BarListener
from ponder_cli.consoles import print_note, progress
from ponder_cli.line_listener import LineListener


@contextmanager
def watching() -> Iterator[TrainingListener]:
    """Yield a bar where stderr is a terminal, and a writer of plain lines where it is not."""
    console = progress()
    if not console.is_terminal:
        yield LineListener(print_note)
        return
    bar = BarListener(console)
    try:
        yield bar
    finally:
        bar.close()  # an error line after a bar that is still drawn would be overwritten
