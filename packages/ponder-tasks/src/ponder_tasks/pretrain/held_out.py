"""Rendering held-out views: pictures that neither the input cloud nor training has seen."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from ponder_data import Scene, Scenes, View, normals_from_depth, view_rays
from ponder_render import FeatureVolume, VolumeRenderer
from torch import Tensor

from ponder_tasks.bridges import ray_bundle
from ponder_tasks.pretrain.model import PretrainModel
from ponder_tasks.recipe import RenderingEvaluationConfig
from ponder_tasks.whole_scene import whole_scene

RAYS_PER_CHUNK = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedView:
    """A held-out view and the picture the model renders from the same pose.

    ``depth`` is z-depth in metres; ``normal`` and ``real_normal`` are unit vectors in the world frame, zero where
    nothing is known. ``semantic`` is the class of each pixel, where the model renders classes.
    """

    scene: str
    view: View
    color: Float[Tensor, "height width 3"]
    depth: Float[Tensor, "height width"]
    normal: Float[Tensor, "height width 3"]
    real_normal: Float[Tensor, "height width 3"]
    semantic: Int[Tensor, "height width"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRoom:
    """A scene (centred), the features and colours of its grid cells, and the volume they were spread over."""

    scene: Scene
    features: Float[Tensor, "cells channels"]
    coord: Float[Tensor, "cells 3"]
    input_color: Float[Tensor, "cells 3"]
    volume: FeatureVolume


def evaluation_scenes(scenes: Scenes, config: RenderingEvaluationConfig) -> Iterator[Scene]:
    """Yield the scenes whose held-out views are rendered.

    Raises:
        ValueError: when a scene has no held-out view.
    """
    for index in range(min(config.scenes, len(scenes))):
        scene = scenes[index]
        if not scene.held_out_views:
            raise ValueError(
                f"scene {scene.name!r} of the validation data has no held-out view to render; "
                "set val_data.held_out_views (rooms, scans) or val_data.held_out_every (rgbd) so that some are kept "
                "apart"
            )
        yield scene


@torch.no_grad()
def encode_room(model: PretrainModel, scene: Scene, grid_size: float) -> EncodedRoom:
    """Encode all of ``scene`` and spread its features over the volume."""
    whole = whole_scene(scene, grid_size)
    batch = whole.batch.to(next(model.parameters()).device)
    features, volume = model.encode(batch)
    return EncodedRoom(
        scene=whole.scene,
        features=features.cpu(),
        coord=whole.batch.coord,
        input_color=whole.input_color,
        volume=volume,
    )


@torch.no_grad()
def render_view(model: PretrainModel, room: EncodedRoom, view: View, pixel_stride: int) -> RenderedView:
    """Render every ``pixel_stride``-th pixel of ``view`` (which is in the frame of ``room.scene``)."""
    return render_through(
        model.renderer, room.volume, view, pixel_stride, scene=room.scene.name, class_of=model.class_of
    )


@torch.no_grad()
def render_through(
    renderer: VolumeRenderer,
    volume: FeatureVolume,
    view: View,
    pixel_stride: int,
    *,
    scene: str,
    class_of: Callable[[Float[Tensor, "rays channels"]], Int[Tensor, " rays"]] | None = None,
) -> RenderedView:
    """Render every ``pixel_stride``-th pixel of ``view`` of a volume in the same frame.

    ``class_of`` tells the classes of rendered semantics; without it none are shown.
    """
    small = strided_view(view, pixel_stride)
    rays = view_rays(small)
    device = volume.table.device
    rendered = renderer.render_chunks(volume, ray_bundle(rays.to(device)), chunk=RAYS_PER_CHUNK)
    size = (small.height, small.width)
    assert rendered.color is not None, "pre-training renders colour"
    semantic = None
    if rendered.semantic is not None and class_of is not None:
        semantic = class_of(rendered.semantic).cpu().reshape(size)
    normals = normals_from_depth(view.depth, view.intrinsics).normal @ view.camera_to_world[:3, :3].T
    return RenderedView(
        scene=scene,
        view=small,
        color=rendered.color.cpu().reshape(*size, 3),
        depth=(rendered.distance.cpu() * rays.cosine).reshape(size),
        normal=torch.nn.functional.normalize(rendered.normal.cpu(), dim=-1).reshape(*size, 3),
        real_normal=normals[::pixel_stride, ::pixel_stride].contiguous(),
        semantic=semantic,
    )


def strided_view(view: View, stride: int) -> View:
    """Return the view of every ``stride``-th pixel; its intrinsics fit, so the rays are those of the kept pixels."""
    if stride == 1:
        return view
    intrinsics = view.intrinsics.clone()
    intrinsics[:2] /= stride
    images = {
        name: image[::stride, ::stride].contiguous()
        for name in ("color", "depth", "semantic", "instance")
        if (image := getattr(view, name)) is not None
    }
    return replace(view, intrinsics=intrinsics, **images)
