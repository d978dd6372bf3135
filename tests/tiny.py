"""A pre-training and a segmentation run small enough for tests, as the command line's own options."""

TINY_ROOMS = (
    "train_data.scenes=2",
    "train_data.views=3",
    "train_data.image_width=64",
    "train_data.image_height=48",
    "val_data.scenes=1",
    "val_data.views=3",
    "val_data.held_out_views=1",
    "val_data.image_width=64",
    "val_data.image_height=48",
    "sample.grid_size=0.15",
)

TINY_ENCODER = (
    "encoder.base_channels=8",
    "encoder.channels=[8,16,16,8]",
    "encoder.layers=[1,1,1,1]",
    "encoder.backend=torch",
)

TINY_PRETRAIN = (
    *TINY_ROOMS,
    *TINY_ENCODER,
    "sample.views_per_scene=2",
    "sample.rays_per_view=16",
    "renderer.volume_shape=[16,16,8]",
    "renderer.dense.channels=8",
    "renderer.dense.projected_channels=8",
    "renderer.field.hidden=16",
    "renderer.sampler.uniform=16",
    "renderer.sampler.importance=8",
    "evaluation.scenes=1",
    "evaluation.views_per_scene=1",
    "evaluation.pixel_stride=4",
    "trainer.workers=0",
)

TINY_SEGMENT = (*TINY_ROOMS, *TINY_ENCODER, "trainer.workers=0")


def set_options(assignments: tuple[str, ...]) -> list[str]:
    """Return the assignments as ``--set`` options."""
    return [word for assignment in assignments for word in ("--set", assignment)]
