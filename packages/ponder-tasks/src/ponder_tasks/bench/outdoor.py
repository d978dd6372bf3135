"""The outdoor benchmark: synthetic streets, and a real keyframe where a folder of nuScenes is given."""

from pathlib import Path

from ponder_data import NuScenes

from ponder_tasks.bench.cost import Cost
from ponder_tasks.bench.outdoor_recipes import (
    KEYFRAME_NOTE,
    keyframe_pretraining,
    keyframe_scenes,
    labelled_detection,
    labelled_segmentation,
    street_pretraining,
)
from ponder_tasks.bench.suite import Ablation, Comparison, Pretraining, Suite, Variant
from ponder_tasks.outdoor.recipe import Sensors, StreetsPretrainRecipe

# Of runs side by side on an Intel Xeon with AVX-512. The page says what a benchmark took itself.
PRETRAIN_COST: dict[Sensors, Cost] = {
    "lidar": Cost(start=30.0, step=0.55, end=12.0),
    "camera": Cost(start=40.0, step=1.0, end=20.0),
    "fusion": Cost(start=40.0, step=1.0, end=20.0),
}
DETECT_COST: dict[Sensors, Cost] = {
    "lidar": Cost(start=18.0, step=0.35, end=20.0),
    "camera": Cost(start=24.0, step=0.6, end=20.0),
    "fusion": Cost(start=24.0, step=0.8, end=20.0),
}
SEGMENT_COST = Cost(start=14.0, step=0.6, end=6.0)

WORDS: dict[Sensors, str] = {"lidar": "LiDAR", "camera": "six cameras", "fusion": "LiDAR and six cameras"}

STREETS_NOTE = (
    "Synthetic streets are procedural. Pre-training reads no label; the streets that are labelled and those that are "
    "judged by are never among those of pre-training. Sizes and steps are small: compare the two columns, not the "
    "figures with those of the real data set."
)
NO_KEYFRAME_NOTE = (
    "Only synthetic streets: no folder of nuScenes was given (--data FOLDER), so nothing is shown here of real "
    "drives."
)
MASKING_RATIOS = (0.0, 0.4, 0.8)
DEPTHS = ((2, 1), (4, 2), (6, 4))
"""Layers of the SDF network and of the colour head."""


def outdoor_suite(data: Path | None) -> Suite:
    """Return the benchmark; ``data`` is the folder of nuScenes (mini or trainval), or None for streets only.

    Raises:
        ValueError: when the folder holds no keyframes.
    """
    pretrainings = tuple(_pretraining(sensors) for sensors in WORDS)
    detections = tuple(_detection(sensors) for sensors in WORDS)
    segmentation = _segmentation()
    shown: tuple[Pretraining, ...] = ()
    if data is not None:
        NuScenes(keyframe_scenes(data))  # a folder that cannot be read is told now
        shown = (_keyframe(data),)
    return Suite(
        name="outdoor",
        title="Outdoor: from scratch against pre-trained by rendering",
        notes=(STREETS_NOTE, KEYFRAME_NOTE if shown else NO_KEYFRAME_NOTE),
        pretrainings=pretrainings,
        comparisons=(*detections, segmentation),
        ablations=(_masking(segmentation), _decoder(segmentation)),
        shown=shown,
    )


def _pretraining(sensors: Sensors) -> Pretraining:
    return Pretraining(
        name=f"pretrain-{sensors}",
        recipe=street_pretraining(sensors),
        cost=PRETRAIN_COST[sensors],
        title=f"Pre-trained on synthetic streets, from {WORDS[sensors]}",
    )


def _keyframe(data: Path) -> Pretraining:
    return Pretraining(
        name="pretrain-keyframe",
        recipe=keyframe_pretraining(data),
        cost=PRETRAIN_COST["lidar"],
        title="Pre-trained on one real keyframe of nuScenes, from its LiDAR",
    )


def _detection(sensors: Sensors) -> Comparison:
    return Comparison(
        name=f"streets-detection-{sensors}",
        title=f"Synthetic streets, detection from {WORDS[sensors]}",
        task="detection",
        recipe=labelled_detection(sensors),
        pretraining=f"pretrain-{sensors}",
        measure="nds",
        further=("map",),
        cost=DETECT_COST[sensors],
    )


def _segmentation() -> Comparison:
    return Comparison(
        name="streets-segmentation",
        title="Synthetic streets, segmentation of LiDAR, 2 labelled streets",
        task="segmentation",
        recipe=labelled_segmentation(),
        pretraining="pretrain-lidar",
        measure="miou",
        cost=SEGMENT_COST,
    )


def _masking(comparison: Comparison) -> Ablation:
    base = _pretraining("lidar")
    ratio = street_pretraining("lidar").sample.masking.ratio
    variants = [Variant(label="no pre-training", pretraining=None)]
    for value in MASKING_RATIOS:
        changed = base if value == ratio else _varied(base, f"mask{value * 100:.0f}", with_masking(value))
        variants.append(Variant(label=f"{value:.0%} of the blocks", pretraining=changed))
    return Ablation(
        name="masking-ratio",
        title="Masked in pre-training",
        comparison=comparison,
        variants=tuple(variants),
    )


def _decoder(comparison: Comparison) -> Ablation:
    base = _pretraining("lidar")
    field = street_pretraining("lidar").renderer.field
    variants = [Variant(label="no pre-training", pretraining=None)]
    for sdf, color in DEPTHS:
        same = (field.sdf_layers, field.color_layers) == (sdf, color)
        changed = base if same else _varied(base, f"layers{sdf}-{color}", with_depth(sdf, color))
        variants.append(Variant(label=f"{sdf} for the SDF, {color} for the colour", pretraining=changed))
    return Ablation(
        name="decoder-depth",
        title="Layers of the rendering networks",
        comparison=comparison,
        variants=tuple(variants),
    )


def _varied(base: Pretraining, suffix: str, recipe: StreetsPretrainRecipe) -> Pretraining:
    return Pretraining(name=f"{base.name}-{suffix}", recipe=recipe, cost=base.cost)


def with_masking(ratio: float) -> StreetsPretrainRecipe:
    """Return the pre-training of LiDAR with a share of the blocks masked; 0: none."""
    recipe = street_pretraining("lidar")
    kind = "block" if ratio > 0 else "none"
    masking = recipe.sample.masking.model_copy(update={"ratio": ratio, "kind": kind})
    return recipe.model_copy(update={"sample": recipe.sample.model_copy(update={"masking": masking})})


def with_depth(sdf: int, color: int) -> StreetsPretrainRecipe:
    """Return the pre-training of LiDAR with so many layers of the SDF network and of the colour head."""
    recipe = street_pretraining("lidar")
    field = recipe.renderer.field.model_copy(update={"sdf_layers": sdf, "color_layers": color})
    return recipe.model_copy(update={"renderer": recipe.renderer.model_copy(update={"field": field})})
