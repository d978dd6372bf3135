"""Legs: what tables, chairs, sofas, beds and cabinets stand on."""

import numpy as np

from ponder_data.rooms.materials import Material
from ponder_data.rooms.parts import Part, bar, box, column, rod


def four_legs(
    rng: np.random.Generator, material: Material, width: float, depth: float, height: float, thickness: float
) -> list[Part]:
    """Legs under the corners of a ``width`` x ``depth`` plate: square, round and tapered, or splayed."""
    style = rng.choice(["square", "round", "splayed"])
    splay = rng.uniform(0.04, 0.12) * height if style == "splayed" else 0.0
    legs: list[Part] = []
    for side in (-1.0, 1.0):
        for end in (-1.0, 1.0):
            x, y = side * (0.5 * width - thickness), end * (0.5 * depth - thickness)
            foot = (x + side * splay * 0.5, y + end * splay * 0.5, 0.0)
            head = (x - side * splay * 0.5, y - end * splay * 0.5, height)
            if style == "square":
                legs.append(bar(foot, head, thickness, thickness, material))
            else:
                legs.append(rod(foot, head, 0.35 * thickness, material, end_radius=0.6 * thickness))
    return legs


def pedestal(rng: np.random.Generator, material: Material, radius: float, height: float) -> list[Part]:
    """A central column on a round or square foot."""
    thin = rng.uniform(0.03, 0.06)
    foot_height = rng.uniform(0.02, 0.05)
    column_part = column((0.0, 0.0, foot_height), height - foot_height, thin * 1.3, material, top_radius=thin)
    if rng.random() < 0.6:
        return [column((0.0, 0.0, 0.0), foot_height, radius, material, top_radius=0.8 * radius), column_part]
    return [
        box((0.0, 0.0, 0.5 * foot_height), (1.7 * radius, 1.7 * radius, foot_height), material),
        column_part,
    ]


def star_foot(rng: np.random.Generator, material: Material, radius: float, height: float) -> list[Part]:
    """The five-armed foot of an office chair, with castors and a gas spring up to ``height``."""
    hub = 0.09
    turn = rng.uniform(0, 2 * np.pi)
    parts = [column((0.0, 0.0, hub - 0.02), height - hub + 0.02, 0.028, material)]
    for arm in range(5):
        angle = turn + arm * 2 * np.pi / 5
        tip = radius * np.array([np.cos(angle), np.sin(angle)])
        parts.append(bar((0.0, 0.0, hub), (tip[0], tip[1], 0.06), 0.04, 0.03, material))
        parts.append(column((tip[0], tip[1], 0.0), 0.055, 0.028, material))
    return parts


def short_feet(
    material: Material, width: float, depth: float, height: float, radius: float = 0.025
) -> list[Part]:
    """Four low round feet under the corners of a ``width`` x ``depth`` body."""
    inset = 2.0 * radius
    return [
        column((side * (0.5 * width - inset), end * (0.5 * depth - inset), 0.0), height, radius, material)
        for side in (-1.0, 1.0)
        for end in (-1.0, 1.0)
    ]
