"""How a writer says how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with the parts that are written and the parts in all, first with 0."""


def silent(done: int, total: int) -> None:
    """Say nothing."""
