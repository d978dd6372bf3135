"""The outdoor benchmark: what it runs, and a tiny one with an ablation and pictures from end to end."""

import json
import os
from pathlib import Path

import pytest
import torch
from driving_scenes import small_segmentation, small_streets
from ponder_data import SyntheticStreetsConfig
from ponder_tasks.bench.bench import run_bench
from ponder_tasks.bench.cost import Cost
from ponder_tasks.bench.outdoor import outdoor_suite
from ponder_tasks.bench.outdoor_recipes import KEYFRAME_NOTE
from ponder_tasks.bench.plan import make_plan, plan_of_share
from ponder_tasks.bench.suite import Ablation, Comparison, Pretraining, Suite, Variant
from ponder_tasks.encoder_source import with_encoder
from ponder_tasks.outdoor.batches import street_sample
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.recipe import PretrainingRecipe
from ponder_tasks.scene_sources import open_scenes
from tiny_bench import silently
from volume_recipes import STREETS, tiny_pretraining

COST = Cost(start=1.0, step=0.5, end=1.0)


def streets_of(config: object) -> tuple[str, range]:
    assert isinstance(config, SyntheticStreetsConfig)
    return config.split, range(config.first, config.first + config.scenes)


def test_labelled_and_judged_streets_are_none_of_pretraining() -> None:
    suite = outdoor_suite(None)
    assert [one.name for one in suite.comparisons] == [
        "streets-detection-lidar",
        "streets-detection-camera",
        "streets-detection-fusion",
        "streets-segmentation",
    ]
    recipes = {one.name: one.recipe for one in suite.pretrainings}
    for comparison in suite.comparisons:
        seen = streets_of(recipes[comparison.pretraining].train_data)
        for data in (comparison.recipe.train_data, comparison.recipe.val_data):
            split, streets = streets_of(data)
            assert split != seen[0] or not set(streets) & set(seen[1])
        assert streets_of(comparison.recipe.val_data)[0] == "val"


def test_an_hour_holds_three_seeds_and_the_ablations() -> None:
    plan = make_plan(outdoor_suite(None), budget=3600.0)
    assert plan.seconds <= 3600
    assert plan.seeds == 3
    names = [run.name for run in plan.runs]
    assert len(names) == len(set(names)) == 3 * (3 + 4 * 2) + 4 * 2
    started: set[str] = set()
    for run in plan.runs:
        assert run.follows is None or run.follows in started
        started.add(run.name)
    assert make_plan(outdoor_suite(None), budget=1500.0).seeds < 3


def test_an_ablation_reuses_what_the_comparison_has_run() -> None:
    suite = outdoor_suite(None).only(["ablations"])
    plan = plan_of_share(suite, 0.5, 2)
    assert [run.name for run in plan.runs] == [
        "streets-segmentation-scratch-0",
        "pretrain-lidar-mask0-0",
        "streets-segmentation-after-pretrain-lidar-mask0-0",
        "pretrain-lidar-mask40-0",
        "streets-segmentation-after-pretrain-lidar-mask40-0",
        "pretrain-lidar-0",
        "streets-segmentation-pretrained-0",
        "pretrain-lidar-layers2-1-0",
        "streets-segmentation-after-pretrain-lidar-layers2-1-0",
        "pretrain-lidar-layers4-2-0",
        "streets-segmentation-after-pretrain-lidar-layers4-2-0",
    ]
    assert (suite.pretrainings, suite.comparisons) == ((), ())
    recipes = {run.name: run.recipe for run in plan.runs}
    none, some = recipes["pretrain-lidar-mask0-0"], recipes["pretrain-lidar-mask40-0"]
    assert isinstance(none, StreetsPretrainRecipe)
    assert isinstance(some, StreetsPretrainRecipe)
    assert (none.sample.masking.kind, some.sample.masking.ratio) == ("none", 0.4)
    shallow = recipes["pretrain-lidar-layers2-1-0"]
    assert isinstance(shallow, StreetsPretrainRecipe)
    assert (shallow.renderer.field.sdf_layers, shallow.renderer.field.color_layers) == (2, 1)
    tasks = {
        run.recipe.model_dump_json() for run in plan.runs if not isinstance(run.recipe, PretrainingRecipe)
    }
    assert len(tasks) == 1, "the task is always the same"


def test_a_folder_without_keyframes_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=str(tmp_path)):
        outdoor_suite(tmp_path)
    assert any("no folder of nuScenes was given" in note for note in outdoor_suite(None).notes)


def test_a_real_keyframe_is_pretrained_on_and_shown() -> None:
    shared = Path(os.environ.get("PONDER_SHARED", Path(__file__).resolve().parents[3].parent / "shared"))
    folder = shared / "data" / "nuscenes_mini"
    if not folder.is_dir():
        pytest.skip("the real keyframe is not there: neither PONDER_SHARED nor shared/ beside the repository")
    suite = outdoor_suite(folder)
    assert KEYFRAME_NOTE in suite.notes
    (shown,) = suite.shown
    assert isinstance(shown.recipe, StreetsPretrainRecipe)
    scenes = open_scenes(shown.recipe.val_data)
    assert len(scenes) == 1
    assert [view.color.shape[1] for view in scenes[0].views] == [200] * 6
    sample = street_sample(scenes[0], shown.recipe, torch.Generator().manual_seed(0))
    assert sample.sample.rays is not None
    assert (sample.sample.rays.distance > 0).float().mean() > 0.3
    assert plan_of_share(suite, 1.0, 1).runs[11].name == "pretrain-keyframe-0"


def test_every_arm_can_start_from_its_pretraining() -> None:
    suite = outdoor_suite(None)
    sensors = {
        one.name: one.recipe.sensors
        for one in suite.pretrainings
        if isinstance(one.recipe, StreetsPretrainRecipe)
    }
    for comparison in suite.comparisons:
        wanted = getattr(comparison.recipe, "sensors", "lidar")
        assert sensors[comparison.pretraining] == wanted
        assert with_encoder(comparison.recipe, "scratch") == comparison.recipe


def tiny_suite() -> Suite:
    before = Pretraining(name="before", recipe=tiny_pretraining("lidar"), cost=COST, title="From LiDAR")
    streets = {
        "train_data": small_streets(**STREETS, first=9),
        "val_data": small_streets(**STREETS, split="val"),
    }
    segmentation = small_segmentation("streets-semseg").model_copy(update=streets)
    comparison = Comparison(
        name="tiny",
        title="One tiny street",
        task="segmentation",
        recipe=segmentation,
        pretraining="before",
        measure="miou",
        cost=COST,
        further=("allacc",),
    )
    variants = (
        Variant(label="none", pretraining=None),
        Variant(label="the same", pretraining=before),
    )
    return Suite(
        name="tiny",
        title="Tiny",
        notes=("A test",),
        pretrainings=(before,),
        comparisons=(comparison,),
        ablations=(Ablation(name="ways", title="Ways", comparison=comparison, variants=variants),),
    )


def test_a_benchmark_with_an_ablation_and_rendered_pictures(tmp_path: Path) -> None:
    plan, told = plan_of_share(tiny_suite(), 1.0, 1), []
    assert [run.name for run in plan.runs] == [
        "before-0",
        "tiny-scratch-0",
        "tiny-pretrained-0",
    ]
    end = run_bench(plan, tmp_path, command="ponder bench tiny", listening=silently, tell=told.append)
    tree = json.loads(end.json.read_text())
    assert [row["measure"] for row in tree["results"]] == ["miou", "allacc"]
    (ways,) = tree["ablations"]
    scores = {variant["label"]: variant["scores"] for variant in ways["variants"]}
    miou, accuracy = tree["results"]
    assert scores["none"] == [miou["scratch"]["mean"], accuracy["scratch"]["mean"]]
    assert scores["the same"] == [miou["pretrained"]["mean"], accuracy["pretrained"]["mean"]]
    page = end.page.read_text()
    assert page.index("From LiDAR") < page.index("CAM_FRONT") < page.index("True classes")
    assert page.count("CAM_FRONT_LEFT") == 1
    assert "| Ways | Mean IoU % ↑ | Overall accuracy % ↑ |" in end.table.read_text()
