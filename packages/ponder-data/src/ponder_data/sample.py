"""The sample: one scene made ready for training, as Eq. 1 says: augmented, masked and sampled on the grid."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_data.draws import draw_distinct
from ponder_data.grid import GridCell, sample_scene
from ponder_data.rays import Rays, sample_rays
from ponder_data.scene import Scene, check_scene
from ponder_data.transforms.augmentation import AugmentationConfig, augment
from ponder_data.transforms.masking import MaskingConfig, mask_points
from ponder_data.transforms.mix3d import mix3d
from ponder_data.transforms.sphere_crop import SphereCropConfig, sphere_crop


class SampleConfig(BaseModel):
    """From a scene to a training sample."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grid_size: float = Field(default=0.05, gt=0, description="side of the sampling grid's cells, metres")
    grid_height: float | None = Field(
        default=None, gt=0, description="height of the cells, metres; null: cubes"
    )
    augmentation: AugmentationConfig = AugmentationConfig()
    masking: MaskingConfig = MaskingConfig()
    crop: SphereCropConfig = SphereCropConfig()
    views_per_scene: int = Field(
        default=3, ge=1, description="pictures to render of each scene; all, where it has fewer"
    )
    rays_per_view: int = Field(
        default=64, ge=1, description="pixels to render of each picture; all, where it has fewer"
    )
    depth_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of rays drawn among pixels with sensed depth; the rest among all pixels",
    )

    @property
    def cell(self) -> GridCell:
        """Sides of the sampling grid's cells, metres."""
        if self.grid_height is None:
            return self.grid_size
        return (self.grid_size, self.grid_size, self.grid_height)

    @classmethod
    def evaluation(cls, grid_size: float) -> "SampleConfig":
        """Return the configuration that changes nothing at random: centre shift and grid sampling only."""
        return cls(grid_size=grid_size, augmentation=AugmentationConfig.none(), masking=MaskingConfig())


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One scene, ready to be packed.

    Attributes:
        scene: sampled on the grid, without the points that were masked or cropped away; its views are in the
            same (augmented) frame.
        lower, upper: corners of the bounds of the augmented cloud before masking and cropping, metres.
        rays: what to render, or None.
    """

    scene: Scene
    lower: Float[Tensor, "3"]
    upper: Float[Tensor, "3"]
    rays: Rays | None


def _choose_views(scene: Scene, count: int, generator: torch.Generator) -> Scene:
    """Return the scene with ``count`` of its views, drawn at random, or all where it has fewer."""
    if not scene.views:
        raise ValueError(
            f"scene {scene.name!r} of {scene.dataset!r} has no views, so there is nothing to render; "
            "use data with posed pictures, or prepare the sample without rays"
        )
    chosen = draw_distinct(len(scene.views), min(count, len(scene.views)), generator)
    return replace(scene, views=tuple(scene.views[int(i)] for i in chosen))


def _masked_and_sampled(scene: Scene, config: SampleConfig, generator: torch.Generator) -> Scene:
    """Return the scene masked and then sampled on the grid, with at least two points.

    A mask that leaves points in a single cell only is not applied: normalisation layers need two points.
    """
    masked = mask_points(scene, config.masking, config.cell, generator)
    sampled = sample_scene(masked, config.cell, generator)
    if len(sampled) < 2:
        sampled = sample_scene(scene, config.cell, generator)
    if len(sampled) < 2:
        raise ValueError(
            f"scene {scene.name!r}: all {len(scene)} points lie in one grid cell of {config.cell} m; "
            "use a smaller grid_size, or check that coordinates are in metres"
        )
    return sampled


def _check_renderable(scene: Scene, config: SampleConfig, mixed_with: Scene | None) -> None:
    """Raise a ValueError where the pictures would not show what the encoder reads."""
    if mixed_with is not None:
        raise ValueError(
            f"scene {scene.name!r}: mixed with {mixed_with.name!r} it has no views to render; "
            "prepare it without rays, or do not mix"
        )
    if not config.augmentation.keeps_views:
        raise ValueError(
            f"scene {scene.name!r}: augmentation.elastic bends space, which no camera can follow, so there is "
            "nothing to render; prepare it without rays, or set augmentation.elastic.probability=0"
        )


def prepare_sample(
    scene: Scene,
    config: SampleConfig,
    generator: torch.Generator,
    *,
    rays: bool,
    mixed_with: Scene | None = None,
) -> Sample:
    """Make one scene ready: augment, mix, take the bounds, draw rays, mask, sample on the grid, crop.

    Args:
        scene: is not changed.
        config: what is done to it.
        generator: the only source of randomness: the same state gives the same sample.
        rays: whether to draw pixels to render. If so, the sample's scene keeps only the views drawn from
            (they are chosen first, so that no other picture is transformed in vain); otherwise it keeps all.
        mixed_with: augmented too, and laid over the scene (:func:`ponder_data.transforms.mix3d`).

    Raises:
        ValueError: when a scene has fewer than two points or cells, values that are not finite, or, with
            ``rays``, no views, a scene it is mixed with, or elastic distortion.
    """
    check_scene(scene)
    if rays:
        _check_renderable(scene, config, mixed_with)
        scene = _choose_views(scene, config.views_per_scene, generator)
    scene = augment(scene, config.augmentation, generator)
    if mixed_with is not None:
        scene = mix3d(scene, augment(check_scene(mixed_with), config.augmentation, generator))
    lower, upper = scene.coord.amin(dim=0), scene.coord.amax(dim=0)
    drawn = None
    if rays:
        drawn = sample_rays(scene.views, config.rays_per_view, generator, depth_share=config.depth_share)
    sampled = sphere_crop(_masked_and_sampled(scene, config, generator), config.crop, generator)
    return Sample(scene=sampled, lower=lower, upper=upper, rays=drawn)
