"""What to say of a name that does not exist."""

import difflib
from collections.abc import Iterable


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return a hint: the known name nearest to ``name``, or all of them where none is near."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(names)}"
