"""The page about a folder: figures, classes, and pictures of some scenes."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from jaxtyping import Float
from ponder_data import Scene, View
from ponder_data.facts.summary import ClassCount, Range, Summary
from ponder_data.labels import (
    NUSCENES_LIDARSEG,
    NYU40,
    ROOMS,
    S3DIS,
    SCANNET20,
    SCANNET200,
    STRUCTURED3D,
    LabelSet,
)

from ponder_tasks.data.frame_card import frame_card
from ponder_tasks.data.inspecting import Inspection, spread
from ponder_tasks.data.scene_pictures import scene_clouds
from ponder_tasks.report.cloud_card import cloud_card
from ponder_tasks.report.document import document, header, section, write_fitting
from ponder_tasks.report.tables import pair_table
from ponder_tasks.report.wording import SOURCES, number

FRAMES_PER_SCENE = 4
LABEL_SETS: tuple[LabelSet, ...] = (
    SCANNET20,
    SCANNET200,
    NYU40,
    S3DIS,
    STRUCTURED3D,
    NUSCENES_LIDARSEG,
    ROOMS,
)
"""Sets whose own colours are used where the classes are theirs."""


def write_inspection(path: Path, inspection: Inspection) -> None:
    """Write the page to ``path``: one file that needs nothing else, whole or not at all.

    Raises:
        ValueError: when its folder does not exist.
    """
    if not path.parent.is_dir():
        raise ValueError(f"{path}: the folder {path.parent} does not exist; create it first")
    write_fitting(path, lambda side: render_inspection(inspection, side), "show fewer scenes")


def render_inspection(inspection: Inspection, picture_side: int) -> str:
    """Return the page, with frames of at most ``picture_side`` pixels."""
    folder, summary = inspection.folder, inspection.summary
    title = f"Data: {folder.path.resolve().name}"
    notes = [f"{len(inspection.faults)} scene(s) cannot be read: {fault}" for fault in inspection.faults[:1]]
    if "virtual" in summary.sources:
        notes.append("Its views are no photographs: virtual cameras drew them from the scans' own points.")
    class_names = folder.scenes.class_names or tuple(one.name for one in summary.classes)
    palette = palette_of(folder.scenes.class_names)
    body = [
        header(title, f"A {folder.title}", [("Folder", str(folder.path))], notes),
        section("In figures", pair_table(summary_rows(summary)), _read_words(summary)),
        section("Ranges", range_table(summary.ranges)),
        section("Classes", class_count_table(summary.classes) if summary.classes else ""),
        *(
            section(scene.name, _scene(scene, class_names, palette, picture_side), _scene_words(scene))
            for scene in inspection.shown
        ),
    ]
    return document(title, "".join(body))


def summary_rows(summary: Summary) -> list[tuple[str, str]]:
    """Return the figures of a folder as names and values."""
    rows = [("Scenes", f"{summary.scenes:,}")]
    splits = ", ".join(f"{name} {count:,}" for name, count in summary.splits)
    if summary.splits != (("all", summary.read),):
        rows.append(("Splits", splits))
    rows.append(("Points", f"{summary.points:,}"))
    if summary.classes:
        share = 100 * summary.labelled_points / max(summary.points, 1)
        rows.append(("Labelled points", f"{summary.labelled_points:,} ({share:.1f} %)"))
    for name, value in (
        ("Instances", summary.instances),
        ("Boxes", summary.boxes),
        ("Views", summary.views),
        ("Held-out views", summary.held_out_views),
    ):
        if value:
            rows.append((name, f"{value:,}"))
    if summary.sources:
        rows.append(("Views are", "; ".join(SOURCES[source][1].lower() for source in summary.sources)))
    rows.append(
        ("Memory of a scene", f"{_megabytes(summary.memory)}, at most {_megabytes(summary.largest_memory)}")
    )
    return rows


def range_table(ranges: Sequence[Range]) -> str:
    """Return one row per quantity: lowest, median and highest value."""
    rows = [
        f'<tr><th scope="row">{escape(one.name)}</th>'
        + "".join(f'<td class="figure">{number(value)}</td>' for value in (one.low, one.median, one.high))
        + f'<td class="quiet">{escape(one.unit)}</td></tr>'
        for one in ranges
    ]
    return (
        '<table class="facts"><thead><tr><th></th><th>lowest</th><th>median</th><th>highest</th><th></th></tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def class_count_table(classes: Sequence[ClassCount]) -> str:
    """Return one row per class: its share of the labelled points with a bar, its boxes, and its scenes."""
    total = max(sum(one.points for one in classes), 1)
    largest = max(max((one.points for one in classes), default=0), 1)
    rows = []
    for one in classes:
        bar = f'<span class="amount"><i style="width:{100 * one.points / largest:.1f}%"></i></span>'
        rows.append(
            f'<tr><th scope="row">{escape(one.name)}</th><td>{bar if one.points else ""}</td>'
            f'<td class="figure">{100 * one.points / total:.2f}</td><td class="figure">{one.boxes:,}</td>'
            f'<td class="figure quiet">{one.scenes:,}</td></tr>'
        )
    return (
        '<table class="classes"><thead><tr><th>Class</th><td></td><th>Points %</th><th>Boxes</th>'
        f"<th>Scenes</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def palette_of(class_names: Sequence[str]) -> Float[np.ndarray, "classes 3"] | None:
    """Return the usual colours of a label set, in [0, 1]; None where the classes are of none that is known."""
    known = next((one for one in LABEL_SETS if one.names == tuple(class_names)), None)
    return None if known is None else np.array(known.colors, dtype=np.float64) / 255.0


def _scene(
    scene: Scene,
    class_names: tuple[str, ...],
    palette: Float[np.ndarray, "classes 3"] | None,
    picture_side: int,
) -> str:
    clouds = [cloud_card(cloud, 2 * picture_side) for cloud in scene_clouds(scene, class_names, palette)]
    views: list[tuple[View, bool]] = [(view, False) for view in scene.views]
    chosen = [views[place] for place in spread(len(views), FRAMES_PER_SCENE)] if views else []
    chosen += [(view, True) for view in scene.held_out_views[:1]]
    frames = [
        frame_card(view, class_names, palette, picture_side, held_out=held_out) for view, held_out in chosen
    ]
    return "".join((*clouds, *frames))


def _scene_words(scene: Scene) -> str:
    words = [f"{len(scene):,} points", f"{len(scene.views)} views"]
    if scene.held_out_views:
        words.append(f"{len(scene.held_out_views)} held-out views")
    return ", ".join(words)


def _read_words(summary: Summary) -> str:
    if summary.read == summary.scenes:
        return ""
    return f"All but the number of scenes is of the {summary.read} scenes that were read, evenly spread."


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
