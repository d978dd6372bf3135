"""What a report can show: pictures of held-out views, and clouds coloured in several ways.

Arrays are NumPy, colours are in [0, 1]. How these become images is said in ``view_card.py`` and
``cloud_drawing.py``.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from ponder_data.scene import ViewSource

from ponder_tasks.report.box_lines import BoxLines
from ponder_tasks.report.feature_colors import features_to_rgb
from ponder_tasks.report.palette import UNLABELLED, class_palette, label_colors

RIGHT = (0.72, 0.75, 0.78)
WRONG = (0.85, 0.18, 0.16)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewPictures:
    """One held-out view: what the camera saw, and what the model renders from the same pose.

    Attributes:
        name: of the view.
        source: where the real picture comes from; the page says it in words.
        real_depth, rendered_depth: z-depth in metres; real 0 or not finite means missing and is drawn grey.
        real_normal, rendered_normal: unit vectors in one frame (camera or world), zero where unknown; or
            None.
        real_semantic, rendered_semantic: classes, -1 where unknown; or None.
        palette: colours of the classes; chosen for you where None.
        class_names: names of the classes for the legend.
    """

    name: str
    source: ViewSource
    real_color: Float[np.ndarray, "height width 3"]
    rendered_color: Float[np.ndarray, "height width 3"]
    real_depth: Float[np.ndarray, "height width"]
    rendered_depth: Float[np.ndarray, "height width"]
    real_normal: Float[np.ndarray, "height width 3"] | None = None
    rendered_normal: Float[np.ndarray, "height width 3"] | None = None
    real_semantic: Int[np.ndarray, "height width"] | None = None
    rendered_semantic: Int[np.ndarray, "height width"] | None = None
    palette: Float[np.ndarray, "classes 3"] | None = None
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudLayer:
    """One way to colour a cloud, with the words under it, and boxes drawn over it where there are any.

    Attributes:
        coord: of another cloud to be drawn here instead, for which the colours are then; None: the picture's.
        predicted: whether it shows what a model says, and not input or truth.
    """

    caption: str
    color: Float[np.ndarray, "points 3"]
    boxes: BoxLines | None = None
    coord: Float[np.ndarray, "points 3"] | None = None
    predicted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudPictures:
    """A cloud drawn from three sides, once per layer.

    Attributes:
        name: of the scene.
        coord: metres, Z up.
        layers: the colourings, drawn side by side.
        legend: names and colours of the classes that occur.
        note: a sentence about the cloud, or nothing.
        raised: how many of the last points make up lines, which are drawn over the others.
    """

    name: str
    coord: Float[np.ndarray, "points 3"]
    layers: tuple[CloudLayer, ...]
    legend: tuple[tuple[str, tuple[float, float, float]], ...] = ()
    note: str = ""
    raised: int = 0


def segmented_cloud(
    *,
    name: str,
    coord: Float[np.ndarray, "points 3"],
    color: Float[np.ndarray, "points 3"],
    truth: Int[np.ndarray, " points"],
    prediction: Int[np.ndarray, " points"],
    class_names: tuple[str, ...],
    palette: Float[np.ndarray, "classes 3"] | None = None,
) -> CloudPictures:
    """Return a cloud in four colourings: input, true classes, predicted classes, and mistakes in red.

    Truth -1 means unlabelled: such points are grey and no mistake.
    """
    colors = class_palette(len(class_names)) if palette is None else palette
    labelled = truth >= 0
    wrong = labelled & (truth != prediction)
    marks = np.where(wrong[:, None], WRONG, np.where(labelled[:, None], RIGHT, UNLABELLED))
    present = sorted(set(np.unique(truth[labelled]).tolist()) | set(np.unique(prediction).tolist()))
    legend = tuple((class_names[index], _triple(colors[index])) for index in present if index >= 0)
    unlabelled = (("no label", UNLABELLED),) if not labelled.all() else ()
    share = 100.0 * wrong.sum() / max(int(labelled.sum()), 1)
    return CloudPictures(
        name=name,
        coord=coord,
        layers=(
            CloudLayer(caption="Input colours", color=color),
            CloudLayer(caption="True classes", color=label_colors(truth, colors)),
            CloudLayer(caption="Predicted classes", color=label_colors(prediction, colors), predicted=True),
            CloudLayer(
                caption=f"Mistakes in red: {share:.1f} % of labelled points", color=marks, predicted=True
            ),
        ),
        legend=legend + unlabelled,
    )


def feature_cloud(
    *,
    name: str,
    coord: Float[np.ndarray, "points 3"],
    features: Float[np.ndarray, "points channels"],
    color: Float[np.ndarray, "points 3"] | None = None,
) -> CloudPictures:
    """Return a cloud in its own colours (where given) and in those of its features (``features_to_rgb``)."""
    layers = [] if color is None else [CloudLayer(caption="Input colours", color=color)]
    layers.append(CloudLayer(caption="Encoder features", color=features_to_rgb(features)))
    note = (
        "Encoder features are shown by their three strongest directions as red, green and blue: "
        "points of like colour look alike to the encoder."
    )
    return CloudPictures(name=name, coord=coord, layers=tuple(layers), note=note)


def _triple(color: Float[np.ndarray, "3"]) -> tuple[float, float, float]:
    """Return a colour as plain numbers."""
    red, green, blue = color.tolist()
    return red, green, blue
