"""Names of runs and where they lie."""

import re
from pathlib import Path

LATEST = "latest"


def new_run(runs: Path, name: str | None, recipe: str) -> Path:
    """Return the folder of a new run: ``runs/name``, or the recipe's name with the next free number.

    Numbers count on from the highest there is, so a name never comes back for another run.

    Raises:
        ValueError: when ``name`` is no plain folder name, or ``runs`` is a file.
    """
    if runs.exists() and not runs.is_dir():
        raise ValueError(f"--runs {runs} is a file; give the folder that holds runs")
    if name is None:
        return runs / f"{recipe}-{max(_numbers(runs, recipe), default=0) + 1}"
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise ValueError(f"--name {name!r} is no plain name; use --runs to choose the folder it goes into")
    return runs / name


def find_run(runs: Path, wanted: str) -> Path:
    """Return the run that ``wanted`` names: a folder, or the name of one in ``runs``.

    Raises:
        ValueError: when there is neither.
    """
    for path in (Path(wanted), runs / wanted):
        if path.is_dir():
            return path
    raise ValueError(f"no run {wanted!r}: neither {wanted} nor {runs / wanted} is a folder{_known(runs)}")


def latest_run(runs: Path, recipe: str) -> Path:
    """Return the newest run of ``recipe`` among those that were numbered.

    Raises:
        ValueError: when there is none.
    """
    numbers = _numbers(runs, recipe)
    if not numbers:
        raise ValueError(f"there is no run of {recipe} in {runs} to resume{_known(runs)}")
    return runs / f"{recipe}-{max(numbers)}"


def _numbers(runs: Path, recipe: str) -> list[int]:
    if not runs.is_dir():
        return []
    pattern = re.compile(re.escape(recipe) + r"-(\d+)")
    matches = (pattern.fullmatch(path.name) for path in runs.iterdir())
    return [int(match[1]) for match in matches if match]


def _known(runs: Path) -> str:
    names = sorted(path.name for path in runs.iterdir() if path.is_dir()) if runs.is_dir() else []
    return f"; {runs} holds {', '.join(names)}" if names else ""
