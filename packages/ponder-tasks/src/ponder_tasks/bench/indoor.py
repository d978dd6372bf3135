"""The indoor benchmark: synthetic rooms, and real scans where a folder of them is given."""

from pathlib import Path

from ponder_data import VirtualScans

from ponder_tasks.bench.cost import Cost
from ponder_tasks.bench.scan_split import TEST_ROOMS, TRAINING_ROOMS, labelled_scans, pictured_scans
from ponder_tasks.bench.suite import Comparison, Pretraining, Suite
from ponder_tasks.recipe import DetectRecipe, PretrainRecipe, SegmentRecipe
from ponder_tasks.recipes.rooms import small_encoder
from ponder_tasks.recipes.rooms_detect import rooms_detect
from ponder_tasks.recipes.rooms_features import rooms_features
from ponder_tasks.recipes.rooms_instances import rooms_instances
from ponder_tasks.recipes.rooms_reconstruct import rooms_reconstruct
from ponder_tasks.recipes.rooms_semseg import rooms_semseg
from ponder_tasks.scene_config import MixPartConfig, MixtureConfig

NOT_BOXES = ("wall", "floor")
"""The classes among ScanNet's 20 that its detection leaves out."""

PRETRAINING_ROOMS = 96
"""Synthetic rooms beside the scans; rooms without labels cost little."""

# Estimates, of runs side by side on an Intel Xeon with AVX-512. The page says what was measured.
PRETRAIN_COST = Cost(start=30.0, step=1.7, end=40.0)
JOINT_COST = Cost(start=40.0, step=2.2, end=40.0)
SEGMENT_COST = Cost(start=20.0, step=0.85, end=10.0)
INSTANCES_COST = Cost(start=15.0, step=1.2, end=15.0)
DETECT_COST = Cost(start=25.0, step=1.7, end=15.0)
RECONSTRUCT_COST = Cost(start=25.0, step=1.2, end=25.0)

ROOMS_NOTE = (
    "Pre-training reads no label. Synthetic rooms are procedural; those that are labelled and those that are judged by "
    "are never among those of pre-training."
)
SCANS_NOTE = (
    "Real scans have no photographs here: pre-training sees the training rooms "
    f"({TRAINING_ROOMS[0]} to {TRAINING_ROOMS[-1]}) by virtual cameras, whose pictures are made of the scans' own "
    f"points, and synthetic rooms beside them. No training sees the test rooms, "
    f"{TEST_ROOMS[0]} and {TEST_ROOMS[-1]}."
)
NO_SCANS_NOTE = (
    "Only synthetic rooms: no folder of real scans was given (--data FOLDER), so nothing is said here of real "
    "scans."
)


def indoor_suite(data: Path | None) -> Suite:
    """Return the benchmark; ``data`` is a folder of scans called ``scene0000_00`` and so on, or None for rooms only.

    With scans, one encoder learns from rooms and scans together, and all tasks start from it.

    Raises:
        ValueError: when the folder lacks one of the rooms.
    """
    if data is None:
        pretraining = Pretraining(name="pretrain-rooms", recipe=rooms_features(), cost=PRETRAIN_COST)
        comparisons, notes = _rooms_comparisons(pretraining.name), (ROOMS_NOTE, NO_SCANS_NOTE)
    else:
        VirtualScans(
            labelled_scans(data, TRAINING_ROOMS + TEST_ROOMS, "train")
        )  # a room that is missing is told now
        pretraining = Pretraining(name="pretrain-both", recipe=joint_features(data), cost=JOINT_COST)
        comparisons = _rooms_comparisons(pretraining.name) + _scans_comparisons(data, pretraining.name)
        notes = (ROOMS_NOTE, SCANS_NOTE)
    return Suite(
        name="indoor",
        title="Indoor: from scratch against pre-trained by rendering",
        notes=notes,
        pretrainings=(pretraining,),
        comparisons=comparisons,
    )


def joint_features(data: Path) -> PretrainRecipe:
    """Return ``rooms-features`` on synthetic rooms, twice as many, and real ones, each half of twice as many steps."""
    recipe = rooms_features()
    rooms = recipe.train_data.model_copy(update={"scenes": PRETRAINING_ROOMS})
    parts = (
        MixPartConfig.model_validate({"data": rooms, "weight": 1.0}),
        MixPartConfig(data=pictured_scans(data, "train"), weight=1.0),
    )
    changes = {
        "name": "joint-features",
        "description": "pre-train on procedural rooms and on real training rooms seen by virtual cameras",
        "train_data": MixtureConfig(parts=parts),
        "val_data": pictured_scans(data, "val"),
        "trainer": recipe.trainer.model_copy(update={"steps": 2 * recipe.trainer.steps}),
    }
    return recipe.model_copy(update=changes)


def _rooms_comparisons(pretraining: str) -> tuple[Comparison, ...]:
    return (
        Comparison(
            name="rooms-segmentation",
            title="Synthetic rooms, segmentation, 2 labelled rooms",
            task="segmentation",
            recipe=rooms_semseg(),
            pretraining=pretraining,
            measure="miou",
            cost=SEGMENT_COST,
        ),
        Comparison(
            name="rooms-instances",
            title="Synthetic rooms, instances, 8 labelled rooms",
            task="instances",
            recipe=rooms_instances(),
            pretraining=pretraining,
            measure="ap50",
            cost=INSTANCES_COST,
        ),
        Comparison(
            name="rooms-detection",
            title="Synthetic rooms, detection, 32 labelled rooms",
            task="detection",
            recipe=rooms_detect(),
            pretraining=pretraining,
            measure="ap25",
            further=("ap50",),
            cost=DETECT_COST,
        ),
        Comparison(
            name="rooms-reconstruction",
            title="Synthetic furniture, reconstruction, 104 pieces",
            task="reconstruction",
            recipe=rooms_reconstruct(),
            pretraining=pretraining,
            measure="volumetric_iou",
            cost=RECONSTRUCT_COST,
        ),
    )


def _scans_comparisons(data: Path, pretraining: str) -> tuple[Comparison, ...]:
    segmentations = tuple(
        Comparison(
            name=f"scans-segmentation-{len(rooms)}",
            title=f"Real scans, segmentation, {words}",
            task="segmentation",
            recipe=scans_semseg(data, rooms),
            pretraining=pretraining,
            measure="miou",
            cost=SEGMENT_COST,
        )
        for rooms, words in (
            (TRAINING_ROOMS[:1], "1 labelled room"),
            (TRAINING_ROOMS, f"{len(TRAINING_ROOMS)} labelled rooms"),
        )
    )
    detection = Comparison(
        name="scans-detection",
        title=f"Real scans, detection, {len(TRAINING_ROOMS)} labelled rooms",
        task="detection",
        recipe=scans_detect(data),
        pretraining=pretraining,
        measure="ap25_aligned",
        cost=DETECT_COST,
    )
    return (*segmentations, detection)


def scans_semseg(data: Path, rooms: tuple[str, ...]) -> SegmentRecipe:
    """Return ``rooms-semseg`` on the real scans of ``rooms``, judged by those of the test rooms.

    Here only the decoder's last stage is read: with all of them, few real rooms taught less (decision 0027).
    """
    changes = {
        "name": f"scans-semseg-{len(rooms)}",
        "description": "segment real scans into ScanNet's 20 classes",
        "encoder": small_encoder(),
        "train_data": labelled_scans(data, rooms, "train"),
        "val_data": labelled_scans(data, TEST_ROOMS, "val"),
    }
    return rooms_semseg().model_copy(update=changes)


def scans_detect(data: Path) -> DetectRecipe:
    """Return ``rooms-detect`` on the real training rooms, with ScanNet's 18 classes of boxes."""
    train, test = labelled_scans(data, TRAINING_ROOMS, "train"), labelled_scans(data, TEST_ROOMS, "val")
    names = VirtualScans(train).class_names
    changes = {
        "name": "scans-detect",
        "description": "detect the furniture of real scans",
        "train_data": train,
        "val_data": test,
        "classes": tuple(name for name in names if name not in NOT_BOXES),
    }
    return rooms_detect().model_copy(update=changes)
