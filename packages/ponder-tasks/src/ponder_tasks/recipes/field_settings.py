"""Settings that published indoor recipes of sparse U-Nets share: augmentation, optimiser, grid.

They are those of the scratch recipes that PonderV2's authors and others fine-tune with. One thing is not: all numbers
are float32 unless ``trainer.precision`` says otherwise.
"""

from ponder_data import AugmentationConfig, ColorJitterConfig, MaskingConfig, SampleConfig
from ponder_data.transforms.auto_contrast import AutoContrastConfig
from ponder_data.transforms.elastic import ElasticConfig
from ponder_data.transforms.jitter import JitterConfig
from ponder_data.transforms.sphere_crop import SphereCropConfig

from ponder_tasks.optimizer import OptimizerConfig

GRID = 0.02
"""Metres."""

TILT = 180 / 64
"""Degrees."""


def field_motion() -> AugmentationConfig:
    """Any turn about z and a slight tilt, each of half the scenes; size, mirror images. Colours stay."""
    return AugmentationConfig(
        rotate_z=180.0,
        rotate_z_probability=0.5,
        tilt=TILT,
        tilt_probability=0.5,
        scale=(0.9, 1.1),
        flip=0.5,
        color=ColorJitterConfig(brightness=0.0, contrast=0.0, noise=0.0),
    )


def field_sample(
    *, dropped_scenes: float = 0.2, tint: float = 0.05, crop_points: int = 100_000
) -> SampleConfig:
    """Samples for learning from labels.

    Args:
        dropped_scenes: share of the scenes that lose a fifth of their points.
        tint: of the colours, up to this.
        crop_points: cells of a scene at most, around one of them; 0: all.
    """
    color = ColorJitterConfig(
        brightness=0.0,
        contrast=0.0,
        auto_contrast=AutoContrastConfig(probability=0.2),
        translation=tint,
        translation_probability=0.95,
        noise=0.05,
        noise_probability=0.95,
    )
    changes = {
        "color": color,
        "jitter": JitterConfig(deviation=0.005, limit=0.02),
        "elastic": ElasticConfig(probability=0.95),
    }
    return SampleConfig(
        grid_size=GRID,
        augmentation=field_motion().model_copy(update=changes),
        masking=MaskingConfig(kind="random", ratio=0.2, probability=dropped_scenes),
        crop=SphereCropConfig(points=crop_points),
    )


def field_optimizer(learning_rate: float) -> OptimizerConfig:
    """SGD with Nesterov momentum under a one-cycle schedule that climbs for a twentieth of the steps."""
    return OptimizerConfig(
        kind="sgd",
        learning_rate=learning_rate,
        momentum=0.9,
        weight_decay=1e-4,
        warmup_fraction=0.05,
        initial_divisor=10.0,
        final_divisor=1e4,
    )
