"""Virtual cameras: pictures of scenes that have none, taken of their own points.

What such cameras see stands in for photographs where there are none, and every view says so: its ``source`` is
"virtual".
"""

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from ponder_data.draws import draw_distinct
from ponder_data.grid import grid_sample
from ponder_data.scene import Scene, check_scene, take_points
from ponder_data.virtual.placement import Stand, place_cameras
from ponder_data.virtual.surfels import scene_surfels
from ponder_data.virtual.views import virtual_view


class VirtualCamerasConfig(BaseModel):
    """How many virtual cameras take pictures of each scene, from where, and of which of its points."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    views: int = Field(default=12, ge=0, description="virtual pictures of each scene; 0: none are taken")
    held_out_views: int = Field(default=2, ge=0, description="pictures from poses kept apart")
    image_width: int = Field(default=160, ge=8)
    image_height: int = Field(default=120, ge=8)
    field_of_view: float = Field(default=70.0, gt=10, lt=150, description="horizontal, degrees")
    stand: Stand = Field(
        default="auto",
        description="cameras among the points (inside), around them (objects), or by the scan's size",
    )
    largest_disc: float = Field(
        default=0.1,
        gt=0,
        description="points are drawn with at most this radius; wider gaps stay open, metres",
    )
    voxel: float = Field(
        default=0.01, gt=0, description="the cloud keeps one point per cube of this side, metres"
    )
    max_points: int = Field(default=200_000, ge=16, description="more points than this are thinned at random")
    seed: int = Field(default=0, ge=0, lt=2**32)


def with_virtual_views(scene: Scene, config: VirtualCamerasConfig, *, held_out: bool) -> Scene:
    """Return a scene thinned, with the pictures that virtual cameras take of it: the same every time.

    Labels and instances of points are carried to the pictures. Views that the scene had are left out, so that
    pictures of cameras and of virtual cameras are never mixed. Both kinds of views are made of the cloud itself, so
    held-out views are new poses, not new measurements.

    Args:
        scene: with a colour for each point.
        config: where cameras stand, and what they see.
        held_out: whether the held-out views are kept; the other views are the same either way.

    Raises:
        ValueError: when no camera sees enough of the scene.
    """
    scene = replace(_thinned(scene, config), views=(), held_out_views=())
    if config.views + config.held_out_views == 0:
        return check_scene(scene)
    surfels = scene_surfels(scene, config.largest_disc)
    # Every scene has a seed of its own, whatever stands beside it in its dataset.
    rng = np.random.default_rng([config.seed, zlib.crc32(scene.name.encode())])
    cameras = place_cameras(
        surfels,
        rng,
        config.views + config.held_out_views,
        (config.image_width, config.image_height),
        float(np.radians(config.field_of_view)),
        config.stand,
    )
    views = [virtual_view(surfels, camera, f"virtual-{number:02d}") for number, camera in enumerate(cameras)]
    apart = _spread(len(views), config.held_out_views)
    return check_scene(
        replace(
            scene,
            views=tuple(view for number, view in enumerate(views) if number not in apart),
            held_out_views=tuple(views[number] for number in apart if held_out),
        )
    )


def _thinned(scene: Scene, config: VirtualCamerasConfig) -> Scene:
    """Return at most one point of each cube, at most ``max_points`` in all, chosen the same way every time."""
    scene = take_points(scene, grid_sample(scene.coord, config.voxel).index)
    if len(scene) <= config.max_points:
        return scene
    generator = torch.Generator().manual_seed(config.seed)
    return take_points(scene, draw_distinct(len(scene), config.max_points, generator).sort().values)


def _spread(count: int, kept: int) -> Sequence[int]:
    """Return ``kept`` numbers below ``count``, evenly spread, the first of them not the first."""
    return [(2 * number + 1) * count // (2 * kept) for number in range(kept)]
