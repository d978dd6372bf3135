"""The frame of every page: one HTML file with its style in it, small enough to be sent."""

from collections.abc import Callable
from html import escape
from importlib import resources
from pathlib import Path

from ponder_tasks.run_folder import write_atomically

LARGEST_PAGE = 5_000_000
"""Bytes; pictures are made smaller until the page fits."""

PICTURE_SIDES = (480, 320, 240, 160, 96)
"""Longest side of a view's picture in pixels, tried in this order."""


def write_fitting(path: Path, render: Callable[[int], str], advice: str) -> None:
    """Write the first page of ``render(picture side)`` that is small enough, whole or not at all.

    Raises:
        ValueError: when the page does not fit even with the smallest pictures; ``advice`` says what to do.
    """
    pages = (render(side) for side in PICTURE_SIDES)
    page = next((page for page in pages if len(page.encode("utf-8")) <= LARGEST_PAGE), None)
    if page is None:
        raise ValueError(
            f"the report is larger than {LARGEST_PAGE / 1e6:.0f} MB even with its smallest pictures; {advice}"
        )
    write_atomically(path, page)


def document(title: str, body: str) -> str:
    """Return the whole page; it needs nothing else."""
    style = resources.files("ponder_tasks.report").joinpath("style.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<link rel="icon" href="data:,"><title>{escape(title)}</title><style>{style}</style></head>\n'
        f"<body><main>{body}</main></body></html>\n"
    )


def section(title: str, content: str, words: str = "") -> str:
    """Return a section, or nothing where there is no content."""
    said = f'<p class="quiet">{escape(words)}</p>' if words else ""
    return f"<section><h2>{escape(title)}</h2>{said}{content}</section>\n" if content else ""


def header(title: str, subtitle: str, facts: list[tuple[str, str]], notes: list[str]) -> str:
    """Return the headline, a line of facts under it, and the notes."""
    said = f'<p class="subtitle">{escape(subtitle)}</p>' if subtitle else ""
    listed = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    noted = "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    return f'<header><h1>{escape(title)}</h1>{said}<dl class="about">{listed}</dl>{noted}</header>\n'
