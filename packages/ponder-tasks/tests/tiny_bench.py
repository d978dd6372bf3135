"""A benchmark of one task and a few steps, and a listener for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from ponder_tasks.bench.cost import Cost
from ponder_tasks.bench.suite import Comparison, Pretraining, Suite
from ponder_tasks.listener import SilentListener, TrainingListener
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.recipe import PretrainRecipe, SegmentRecipe
from ponder_tasks.recipes.rooms_features import rooms_features
from ponder_tasks.recipes.rooms_semseg import rooms_semseg

TINY = [
    *(
        f"{data}.{change}"
        for data in ("train_data", "val_data")
        for change in ("scenes=1", "views=2", "image_width=32", "image_height=24")
    ),
    "sample.grid_size=0.2",
    "encoder.base_channels=8",
    "encoder.channels=[8,16,16,8]",
    "encoder.layers=[1,1,1,1]",
    "encoder.backend=torch",
    "trainer.batch_size=1",
    "trainer.steps=4",
    "trainer.workers=0",
]
RENDERED = [
    "sample.views_per_scene=1",
    "sample.rays_per_view=8",
    "renderer.volume_shape=[8,8,8]",
    "renderer.dense.channels=8",
    "renderer.dense.projected_channels=8",
    "renderer.field.hidden=16",
    "renderer.sampler.uniform=16",
    "renderer.sampler.importance=4",
    "evaluation.scenes=1",
    "evaluation.views_per_scene=1",
    "evaluation.pixel_stride=8",
]
COST = Cost(start=1.0, step=0.5, end=1.0)


def tiny_suite() -> Suite:
    pretrain, segment = apply_overrides(rooms_features(), [*TINY, *RENDERED]), rooms_semseg()
    assert isinstance(pretrain, PretrainRecipe)
    tuned = apply_overrides(segment, TINY)
    assert isinstance(tuned, SegmentRecipe)
    comparison = Comparison(
        name="tiny",
        title="One tiny room",
        task="segmentation",
        recipe=tuned,
        pretraining="before",
        measure="miou",
        cost=COST,
    )
    return Suite(
        name="tiny",
        title="Tiny",
        notes=("A test",),
        pretrainings=(Pretraining(name="before", recipe=pretrain, cost=COST),),
        comparisons=(comparison,),
    )


@contextmanager
def silently() -> Iterator[TrainingListener]:
    yield SilentListener()
