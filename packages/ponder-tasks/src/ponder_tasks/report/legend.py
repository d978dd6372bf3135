"""Names beside the colours that stand for them."""

from html import escape


def legend(entries: tuple[tuple[str, tuple[float, ...]], ...]) -> str:
    """Return a list of names, each beside a swatch; nothing where there is no entry."""
    items = "".join(f"<li>{swatch(color)}{escape(name)}</li>" for name, color in entries)
    return f'<ul class="legend">{items}</ul>' if items else ""


def swatch(color: tuple[float, ...]) -> str:
    """Return a small square of a colour in [0, 1]."""
    return f'<i style="background:{css_color(color)}"></i>'


def css_color(color: tuple[float, ...]) -> str:
    """Return a colour in [0, 1] as CSS writes it, e.g. ``#4e79a7``."""
    return "#" + "".join(f"{round(255 * min(max(channel, 0.0), 1.0)):02x}" for channel in color)
