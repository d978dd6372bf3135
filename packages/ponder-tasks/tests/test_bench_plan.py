"""What the indoor benchmark runs: splits, pairs of equal runs, and how a budget sets steps and seeds."""

from itertools import pairwise
from pathlib import Path

import pytest
from ponder_data import SyntheticRoomsConfig, VirtualScansConfig
from ponder_data.datasets.virtual_views import VirtualScans, place_of
from ponder_tasks.bench.indoor import indoor_suite
from ponder_tasks.bench.plan import LEAST_SHARE, Plan, make_plan, plan_of_share
from ponder_tasks.bench.scan_split import TEST_ROOMS, TRAINING_ROOMS
from ponder_tasks.bench.suite import Suite
from ponder_tasks.recipe import DetectRecipe, PretrainRecipe
from ponder_tasks.scene_config import MixtureConfig

SCANS = {
    "scene0000": 3,
    "scene0001": 2,
    "scene0002": 2,
    "scene0003": 3,
    "scene0004": 1,
    "scene0005": 2,
    "scene0006": 1,
}


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with the names of real scans; a plan reads nothing of them."""
    for room, count in SCANS.items():
        for number in range(count):
            (tmp_path / f"{room}_{number:02d}.npz").touch()
    return tmp_path


def rooms_of(config: object) -> set[str]:
    """Return the real rooms that data of a recipe shows; none where they are synthetic."""
    if isinstance(config, MixtureConfig):
        return set().union(*(rooms_of(part.data) for part in config.parts))
    if not isinstance(config, VirtualScansConfig):
        return set()
    return {place_of(name) for name in VirtualScans(config).scene_names}


def test_real_rooms_are_never_on_both_sides(scans: Path) -> None:
    suite = indoor_suite(scans)
    by_name = {one.name: one for one in suite.comparisons}
    for name, rooms, files in (
        ("scans-segmentation-1", TRAINING_ROOMS[:1], 3),
        ("scans-segmentation-4", TRAINING_ROOMS, 10),
        ("scans-detection", TRAINING_ROOMS, 10),
    ):
        recipe = by_name[name].recipe
        assert rooms_of(recipe.train_data) == set(rooms)
        assert rooms_of(recipe.val_data) == set(TEST_ROOMS) == {"scene0004", "scene0005"}
        assert isinstance(recipe.train_data, VirtualScansConfig)
        assert isinstance(recipe.val_data, VirtualScansConfig)
        assert (len(VirtualScans(recipe.train_data)), len(VirtualScans(recipe.val_data))) == (files, 3)
        assert VirtualScans(recipe.val_data).class_names[4] == "chair"
    for pretraining in suite.pretrainings:
        seen = rooms_of(pretraining.recipe.train_data) | rooms_of(pretraining.recipe.val_data)
        assert seen <= {"scene0000", "scene0001", "scene0002", "scene0003"}
        assert isinstance(pretraining.recipe, PretrainRecipe)
        assert pretraining.recipe.labels is None
    assert rooms_of(suite.pretrainings[0].recipe.train_data) == set(TRAINING_ROOMS)
    detection = by_name["scans-detection"].recipe
    assert isinstance(detection, DetectRecipe)
    assert len(detection.classes) == 18
    reading_the_last_stage = {
        one.name for one in suite.comparisons if not one.recipe.model_dump()["encoder"]["hypercolumns"]
    }
    assert reading_the_last_stage == {"scans-segmentation-1", "scans-segmentation-4"}  # decision 0027
    assert not {"wall", "floor"} & set(detection.classes)


def test_labelled_synthetic_rooms_are_none_of_pretraining() -> None:
    suite = indoor_suite(None)
    pretraining = suite.pretrainings[0].recipe.train_data
    assert isinstance(pretraining, SyntheticRoomsConfig)
    for one in suite.comparisons:
        train, val = one.recipe.train_data, one.recipe.val_data
        if isinstance(train, SyntheticRoomsConfig) and isinstance(val, SyntheticRoomsConfig):
            assert train.first >= pretraining.first + pretraining.scenes
            assert (train.split, val.split) == ("train", "val")


def test_without_scans_the_page_says_so_and_a_missing_room_is_told(scans: Path) -> None:
    assert any("no folder of real scans was given" in note for note in indoor_suite(None).notes)
    assert any("virtual cameras" in note for note in indoor_suite(scans).notes)
    (scans / "scene0004_00.npz").unlink()
    with pytest.raises(ValueError, match="holds no scan of scene0004"):
        indoor_suite(scans)


def test_every_comparison_is_two_runs_that_differ_in_the_encoder_only(scans: Path) -> None:
    plan = plan_of_share(indoor_suite(scans), 0.5, 3)
    assert len(plan.runs) == len({run.name for run in plan.runs}) == 3 * (1 + 7 * 2)
    started: set[str] = set()
    for run in plan.runs:
        assert run.follows is None or run.follows in started
        started.add(run.name)
    tasks = [run for run in plan.runs if not isinstance(run.recipe, PretrainRecipe)]
    for scratch, pretrained in [*pairwise(tasks)][::2]:
        assert scratch.name.replace("scratch", "pretrained") == pretrained.name
        assert scratch.recipe == pretrained.recipe
        assert (scratch.follows, pretrained.follows is None) == (None, False)
        assert pretrained.follows is not None
        assert pretrained.follows.rsplit("-")[-1] == scratch.name.rsplit("-")[-1], "the same seed"
    assert {run.recipe.trainer.seed for run in plan.runs} == {0, 1, 2}
    assert (
        next(run for run in plan.runs if run.name == "rooms-segmentation-scratch-1").recipe.trainer.steps
        == 75
    )
    followed = {run.follows.rsplit("-", 1)[0] for run in plan.runs if run.follows}
    assert followed == {"pretrain-both"}, "one encoder for all tasks"


def fitting(suite: Suite, minutes: float, seeds: int | None = None) -> Plan:
    return make_plan(suite, budget=60.0 * minutes, seeds=seeds)


def test_a_budget_sets_steps_then_seeds(scans: Path) -> None:
    suite = indoor_suite(scans)
    hour = fitting(suite, 60)
    assert hour.seconds <= 3600
    assert hour.share < 1.0
    assert plan_of_share(suite, hour.share + 0.01, hour.seeds).seconds > 3600, "no more would fit"
    generous = fitting(suite, 600)
    assert (generous.share, generous.seeds) == (1.0, 3)
    least_of_three = plan_of_share(suite, LEAST_SHARE, 3).seconds / 60
    assert fitting(suite, least_of_three).seeds == 3
    fewer = fitting(suite, least_of_three - 1)
    assert fewer.seeds == 2
    assert fewer.share > LEAST_SHARE
    asked = fitting(suite, least_of_three - 1, seeds=3)
    assert asked.seeds == 3
    assert asked.share < LEAST_SHARE


def test_a_budget_that_is_too_small_is_told() -> None:
    with pytest.raises(ValueError, match=r"a budget of 0.5 min is too small.* --only"):
        fitting(indoor_suite(None), 0.5)
    with pytest.raises(ValueError, match="--seeds 0"):
        fitting(indoor_suite(None), 60, seeds=0)


def test_only_chooses_tasks_and_what_they_need(scans: Path) -> None:
    suite = indoor_suite(scans)
    names = [one.name for one in suite.only(["segmentation"]).comparisons]
    assert names == ["rooms-segmentation", "scans-segmentation-1", "scans-segmentation-4"]
    one = suite.only(["scans-detection"])
    assert [p.name for p in one.pretrainings] == ["pretrain-both"]
    assert [p.name for p in indoor_suite(None).only(["instances"]).pretrainings] == ["pretrain-rooms"]
    assert suite.only([]) is suite
    with pytest.raises(ValueError, match=r"--only segment: .* it has detection, instances, reconstruction"):
        suite.only(["segment"])
