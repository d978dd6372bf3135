"""One scene as clouds to be drawn: by colour, class and instance, and with its boxes and cameras."""

import numpy as np
from jaxtyping import Float, Int
from ponder_data import Scene

from ponder_tasks.data.lines import EDGES_PER_BOX, box_edges, camera_edges, edge_points
from ponder_tasks.report.palette import UNLABELLED, class_palette, label_colors
from ponder_tasks.report.pictures import CloudLayer, CloudPictures

MOST_POINTS = 150_000
"""A larger cloud is thinned evenly."""

CLOUD_GREY = (0.80, 0.82, 0.84)
CAMERA = (0.12, 0.13, 0.15)
HELD_OUT_CAMERA = (0.85, 0.18, 0.16)
BOX = (0.12, 0.42, 0.66)
_LINE_POINTS = 1200
"""Points along the longest side of a scene: more than its picture has pixels."""

_CAMERA_LENGTH = 0.04
"""Of the longest side of the scene with its cameras."""

Legend = tuple[tuple[str, tuple[float, float, float]], ...]


def scene_clouds(
    scene: Scene, class_names: tuple[str, ...], palette: Float[np.ndarray, "classes 3"] | None
) -> tuple[CloudPictures, ...]:
    """Return the cloud in its own colours, those of its classes and of its instances; then with boxes and cameras.

    What the scene does not have is left out. ``palette`` gives the colours of the classes; None chooses some.
    """
    step = max(1, -(-len(scene) // MOST_POINTS))
    coord = scene.coord[::step].double().numpy()
    layers = [CloudLayer(caption="Colours", color=scene.color[::step].double().numpy())]
    legend: Legend = ()
    if scene.semantic is not None:
        labels = scene.semantic[::step].numpy()
        colors = palette_for(labels, class_names, palette)
        layers.append(CloudLayer(caption="Classes", color=label_colors(labels, colors)))
        legend = class_legend(labels, class_names, colors)
    if scene.instance is not None:
        instances = scene.instance[::step].numpy()
        layers.append(CloudLayer(caption="Instances", color=instance_colors(instances)))
    clouds = [CloudPictures(name="The cloud", coord=coord, layers=tuple(layers), legend=legend)]
    if (scene.boxes is not None and len(scene.boxes)) or scene.views or scene.held_out_views:
        clouds.append(_with_lines(scene, coord, class_names, palette))
    return tuple(clouds)


def palette_for(
    labels: Int[np.ndarray, "*shape"],
    class_names: tuple[str, ...],
    palette: Float[np.ndarray, "classes 3"] | None,
) -> Float[np.ndarray, "classes 3"]:
    """Return ``palette``, or one that has a colour for every class that is named or occurs."""
    needed = max(len(class_names), int(labels.max(initial=-1)) + 1)
    return palette if palette is not None and len(palette) >= needed else class_palette(needed)


def class_legend(
    labels: Int[np.ndarray, "*shape"],
    class_names: tuple[str, ...],
    palette: Float[np.ndarray, "classes 3"],
) -> Legend:
    """Return names and colours of the classes that occur, and the grey of points without one."""
    present = [int(label) for label in np.unique(labels)]
    entries = [
        (class_names[label] if label < len(class_names) else f"class {label}", _triple(palette[label]))
        for label in present
        if label >= 0
    ]
    return (*entries, *((("no label", UNLABELLED),) if min(present, default=0) < 0 else ()))


def instance_colors(instances: Int[np.ndarray, " points"]) -> Float[np.ndarray, "points 3"]:
    """Return a colour for each instance, grey for none (negative); neighbours in number differ."""
    kinds, place = np.unique(instances, return_inverse=True)
    colors = class_palette(int((kinds >= 0).sum()))
    colors = np.concatenate([np.tile(np.array([UNLABELLED]), (int((kinds < 0).sum()), 1)), colors])
    return colors[place.reshape(-1)]


def _with_lines(
    scene: Scene,
    coord: Float[np.ndarray, "points 3"],
    class_names: tuple[str, ...],
    palette: Float[np.ndarray, "classes 3"] | None,
) -> CloudPictures:
    """Return the cloud in grey with the edges of boxes and cameras over it."""
    every_view = (*scene.views, *scene.held_out_views)
    stands = [view.camera_to_world[None, :3, 3].double().numpy() for view in every_view]
    longest = float(np.ptp(np.concatenate([coord, *stands]), axis=0).max())
    spacing = longest / _LINE_POINTS
    parts, colors, legend, words = [], [], [], []
    if scene.boxes is not None and len(scene.boxes):
        points, edge = edge_points(*box_edges(scene.boxes), spacing)
        labels = scene.boxes.label.numpy()
        of_class = palette_for(labels, class_names, palette)
        parts.append(points)
        colors.append(label_colors(labels, of_class)[edge.astype(np.int64) // EDGES_PER_BOX])
        legend += class_legend(labels, class_names, of_class)
        words.append(f"{len(scene.boxes)} boxes, each with a line to its front")
    for views, name, color in (
        (scene.views, "camera", CAMERA),
        (scene.held_out_views, "held-out camera", HELD_OUT_CAMERA),
    ):
        if views:
            points, _ = edge_points(*camera_edges(views, _CAMERA_LENGTH * longest), spacing)
            parts.append(points)
            colors.append(np.tile(np.array([color]), (len(points), 1)))
            legend.append((name, color))
            words.append(f"{len(views)} {name}{'s' if len(views) > 1 else ''}")
    lines = np.concatenate(parts)
    grey = np.tile(np.array([CLOUD_GREY]), (len(coord), 1))
    return CloudPictures(
        name="Boxes and cameras" if scene.boxes is not None and len(scene.boxes) else "Cameras",
        coord=np.concatenate([coord, lines]),
        layers=(CloudLayer(caption=", ".join(words), color=np.concatenate([grey, *colors])),),
        legend=tuple(legend),
        raised=len(lines),
    )


def _triple(color: Float[np.ndarray, "3"]) -> tuple[float, float, float]:
    red, green, blue = color.tolist()
    return red, green, blue
