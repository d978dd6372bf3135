"""The scene: a coloured point cloud and the posed pictures that were taken of it.

Conventions, here and in every package: metres, right-handed world, Z up. Cameras are OpenCV
(x right, y down, z forward), ``camera_to_world`` is 4x4, and the centre of the pixel in row ``v``, column
``u`` lies at image coordinates ``(u, v)``. Depth is z-depth in metres, 0 where missing. Colours are float32
in [0, 1]. Label -1 means "ignore".
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

IGNORE_LABEL = -1

ViewSource = Literal["camera", "synthetic", "virtual"]
"""Where a picture comes from: a real sensor, a generated world, or a virtual camera in a real scan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One posed RGB-D picture.

    Raises:
        ValueError: when the images differ in size or the pose and intrinsics have wrong shapes.
    """

    name: str
    color: Float[Tensor, "height width 3"]
    depth: Float[Tensor, "height width"]
    intrinsics: Float[Tensor, "3 3"]
    camera_to_world: Float[Tensor, "4 4"]
    semantic: Int[Tensor, "height width"] | None = None
    instance: Int[Tensor, "height width"] | None = None
    source: ViewSource = "camera"

    def __post_init__(self) -> None:
        size = tuple(self.color.shape[:2])
        images = {"depth": self.depth, "semantic": self.semantic, "instance": self.instance}
        for name, image in images.items():
            if image is not None and tuple(image.shape) != size:
                raise ValueError(
                    f"view {self.name!r}: its {name} image is {tuple(image.shape)} (rows, columns) but its "
                    f"colour image is {size}; resize one to the other before building the view"
                )

    @property
    def height(self) -> int:
        """Rows of the images."""
        return self.color.shape[0]

    @property
    def width(self) -> int:
        """Columns of the images."""
        return self.color.shape[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """Upright oriented boxes: centre (m), full sizes (m), heading (rad, about +Z), class and instance.

    The first size lies along the heading. Driving scenes add, where known, the ``velocity`` over ground in the
    axes of the world (m/s; NaN where it could not be estimated), the number of LiDAR points ``num_points`` in
    each box at the keyframe, and the ``attribute`` (an index of the dataset's attributes, -1 where none).
    """

    center: Float[Tensor, "boxes 3"]
    size: Float[Tensor, "boxes 3"]
    heading: Float[Tensor, " boxes"]
    label: Int[Tensor, " boxes"]
    instance: Int[Tensor, " boxes"]
    velocity: Float[Tensor, "boxes 3"] | None = None
    num_points: Int[Tensor, " boxes"] | None = None
    attribute: Int[Tensor, " boxes"] | None = None

    def __len__(self) -> int:
        return self.center.shape[0]


class NotFiniteError(ValueError):
    """Numbers are NaN or infinite."""


class ClassIdError(ValueError):
    """Labels name classes that there are not."""


_POINT_FIELDS = (
    "coord",
    "color",
    "normal",
    "semantic",
    "instance",
    "grid_coord",
    "intensity",
    "time",
    "ring",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the sensors saw of one place: points with colour and normal, and the views.

    ``grid_coord`` is set by grid sampling (Eq. 1): the integer cell of every kept point. The cloud is made of
    ``views``; ``held_out_views`` show the same place, but neither the cloud nor training has seen them.

    LiDAR clouds add what the sensor says of each return: ``intensity`` in [0, 1], ``time`` (seconds before the
    keyframe, 0 for its own sweep) and ``ring`` (the beam, 0 the lowest).

    Encoders with norms for each of several datasets (PPT) take those of ``condition``; None stands for ``dataset``.

    Raises:
        ValueError: when the per-point fields differ in length.
    """

    name: str
    dataset: str
    coord: Float[Tensor, "points 3"]
    color: Float[Tensor, "points 3"]
    normal: Float[Tensor, "points 3"]
    semantic: Int[Tensor, " points"] | None = None
    instance: Int[Tensor, " points"] | None = None
    grid_coord: Int[Tensor, "points 3"] | None = None
    intensity: Float[Tensor, " points"] | None = None
    time: Float[Tensor, " points"] | None = None
    ring: Int[Tensor, " points"] | None = None
    boxes: Boxes | None = None
    views: tuple[View, ...] = ()
    held_out_views: tuple[View, ...] = ()
    class_names: tuple[str, ...] = ()
    condition: str | None = None

    def __post_init__(self) -> None:
        points = self.coord.shape[0]
        for name in _POINT_FIELDS:
            value = getattr(self, name)
            if value is not None and value.shape[0] != points:
                raise ValueError(
                    f"scene {self.name!r}: {name} has {value.shape[0]} rows but coord has {points}"
                )

    def __len__(self) -> int:
        return self.coord.shape[0]


def check_scene(scene: Scene) -> Scene:
    """Return ``scene`` unchanged if it can be learned from.

    Raises:
        ValueError: when it has fewer than two points.
        NotFiniteError: when a coordinate, colour or normal is not finite.
    """
    if len(scene) < 2:
        raise ValueError(
            f"scene {scene.name!r} has {len(scene)} point(s); at least 2 are needed. "
            "Check that the file holds a cloud and that depth images are not all missing"
        )
    for name in ("coord", "color", "normal"):
        value: Tensor = getattr(scene, name)
        broken = int((~torch.isfinite(value)).any(dim=1).sum())
        if broken:
            raise NotFiniteError(
                f"scene {scene.name!r}: {broken} of {len(scene)} points have a NaN or infinite {name}; "
                "remove these points from the file"
            )
    return scene


def take_points(scene: Scene, index: Int[Tensor, " kept"]) -> Scene:
    """Return the scene with only the points in ``index``, in that order; views and boxes stay as they are."""

    def rows(values: Tensor | None) -> Tensor | None:
        return None if values is None else values[index]

    return replace(scene, **{name: rows(getattr(scene, name)) for name in _POINT_FIELDS})
