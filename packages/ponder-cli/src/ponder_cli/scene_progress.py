"""How far a command has come through the scenes of a folder: a bar in terminals, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ponder_cli.consoles import print_note, progress

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def scene_progress(doing: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function to be called with the number of scenes that are done and of all; it shows them on stderr."""
    console = progress()
    if not console.is_terminal:
        yield _Lines(doing).advanced
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, scenes: bar.update(task, completed=done, total=scenes)


class _Lines:
    """Prints a line every ten seconds at most."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._last = time.monotonic()

    def advanced(self, done: int, scenes: int) -> None:
        """Print where we are, if the last line is long ago."""
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            print_note(f"{self._doing}: {done} of {scenes} scenes")
            self._last = now
