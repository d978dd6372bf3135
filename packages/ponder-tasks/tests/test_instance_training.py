"""Instance segmentation from end to end: perfect inputs, and a run of a few steps with its report and evaluation."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from ponder_data import Scene, SyntheticRooms, SyntheticRoomsConfig
from ponder_tasks.evaluation import evaluate_run
from ponder_tasks.finetuning import finetune_task, run_finetuning
from ponder_tasks.instances.model import InstanceModel
from ponder_tasks.instances.pictures import instance_pictures
from ponder_tasks.instances.point_instances import PointInstances
from ponder_tasks.instances.prediction import InstancesOfScene, find_instances, select
from ponder_tasks.instances.proposals import GroupingConfig, PointPredictions, proposal_overlaps, propose
from ponder_tasks.instances.suppression import SelectionConfig
from ponder_tasks.instances.targets import instance_targets
from ponder_tasks.instances.task import InstanceTask
from ponder_tasks.instances.things import thing_classes
from ponder_tasks.listener import SilentListener
from ponder_tasks.metrics.instances import InstanceAccumulator, InstanceMetrics
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.recipe import InstanceRecipe
from ponder_tasks.recipes import get_recipe
from ponder_tasks.report.pictures import RIGHT
from ponder_tasks.whole_scene import whole_scene

STUFF = ("floor", "wall", "ceiling")
LEAST = 30
TINY = (
    "train_data.scenes=1",
    "train_data.views=3",
    "train_data.image_width=64",
    "train_data.image_height=48",
    "val_data.scenes=1",
    "val_data.views=3",
    "val_data.image_width=64",
    "val_data.image_height=48",
    "sample.grid_size=0.15",
    "encoder.base_channels=8",
    "encoder.channels=[8,16,16,8]",
    "encoder.layers=[1,1,1,1]",
    "encoder.backend=torch",
    "grouping.radius=0.25",
    "grouping.minimum_points=3",
    "selection.minimum_points=10",
    "evaluation.minimum_points=10",
    "trainer.batch_size=1",
    "trainer.steps=8",
    "optimizer.learning_rate=0.1",
)


@cache
def room() -> Scene:
    return SyntheticRooms(
        SyntheticRoomsConfig(scenes=1, views=4, held_out_views=0, image_width=96, image_height=72)
    )[0]


def tiny(*more: str) -> InstanceRecipe:
    recipe = apply_overrides(get_recipe("rooms-instances"), [*TINY, *more])
    assert isinstance(recipe, InstanceRecipe)
    return recipe


def found_from(scene: Scene, to_center: torch.Tensor | None) -> PointInstances:
    """What is found in ``scene`` from true classes, these offsets (the true ones where None), and perfect scores."""
    things = thing_classes(scene.class_names, STUFF)
    whole = whole_scene(scene, 0.02)
    targets = instance_targets(whole.batch, things)
    points = PointPredictions(
        coord=whole.batch.coord,
        to_center=targets.to_center if to_center is None else to_center.expand(len(targets.to_center), 3),
        label=whole.batch.semantic,
        offsets=whole.batch.offsets,
    )
    proposals = propose(points, things, GroupingConfig(radius=0.04, minimum_points=10))
    scored = proposals.scored(proposal_overlaps(proposals, targets.instance, targets.sizes))
    return select(scored.spread(whole.inverse), SelectionConfig(minimum_points=LEAST))


def measured(scene: Scene, found: PointInstances) -> InstanceMetrics:
    judge = InstanceAccumulator(
        scene.class_names, thing_classes(scene.class_names, STUFF), minimum_points=LEAST
    )
    assert scene.semantic is not None
    assert scene.instance is not None
    judge.add(found, scene.semantic, scene.instance)
    return judge.metrics()


def test_perfect_classes_and_offsets_give_full_precision() -> None:
    metrics = measured(room(), found_from(room(), None))
    assert sum(metrics.counts) > 8
    assert [m.value for m in metrics.measurements()] == [100.0, 100.0, 100.0]


def test_offsets_are_what_keeps_neighbours_together_and_apart() -> None:
    metrics = measured(room(), found_from(room(), torch.zeros(3)))
    assert metrics.measurements()[0].value < 90


def test_pictures_of_perfect_instances_show_no_mistake() -> None:
    scene = room()
    assert scene.semantic is not None
    found = InstancesOfScene(scene=scene, instances=found_from(scene, None), semantic=scene.semantic)
    _, true, predicted, marks = instance_pictures(
        found, thing_classes(found.scene.class_names, STUFF), LEAST
    ).layers
    counts = marks.caption.split()
    right = (marks.color == RIGHT).all(axis=1)
    assert right.mean() > 0.98
    assert (true.color == predicted.color).all(axis=1)[right].all()
    assert found_in(found) == (int(counts[2]), int(counts[2]))
    nothing = replace(found, instances=PointInstances.none())
    assert found_in(nothing) == (0, int(counts[2]))


def found_in(found: InstancesOfScene) -> tuple[int, int]:
    """How many true instances the pictures say were found, and of how many."""
    words = (
        instance_pictures(found, thing_classes(found.scene.class_names, STUFF), LEAST)
        .layers[3]
        .caption.split()
    )
    return int(words[0]), int(words[2])


def test_pictures_give_each_prediction_a_partner_of_its_own() -> None:
    scene = room()
    assert scene.semantic is not None
    perfect = found_from(scene, None)
    # A third of the largest is split off: two thirds still find it, and all others keep their partners.
    largest = int(perfect.sizes().argmax())
    start, end = int(perfect.offsets[largest] - perfect.sizes()[largest]), int(perfect.offsets[largest])
    cut = start + (end - start) // 3
    split = PointInstances(
        point=perfect.point,
        offsets=torch.cat([perfect.offsets[:largest], torch.tensor([cut]), perfect.offsets[largest:]]),
        label=torch.cat([perfect.label, perfect.label[:1]]),
        score=torch.cat([perfect.score, perfect.score[-1:]]),
    )
    whole, parts = (
        InstancesOfScene(scene=scene, instances=instances, semantic=scene.semantic)
        for instances in (perfect, split)
    )
    found, counted = found_in(whole)
    assert found == counted
    assert found_in(parts) == (found, counted)


def test_a_run_learns_scores_reports_and_is_measured_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    end = run_finetuning(tiny(), run, command="test", listener=SilentListener())
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [record["losses"] for record in records if record["kind"] == "train"]
    assert losses[-1]["cross_entropy"] < 0.95 * losses[0]["cross_entropy"]
    assert losses[-1]["offset"] < 0.7 * losses[0]["offset"]
    assert all(step["score"] == 0 for step in losses[:4])
    assert all(step["score"] > 0 for step in losses[4:])
    assert [m.name for m in end.measurements] == ["ap", "ap50", "ap25", "miou"]
    page = (run / "report.html").read_text()
    assert "Instance segmentation: rooms-instances" in page
    assert "predicted instances" in page
    again = evaluate_run(run)
    assert again.measurements == end.measurements
    assert again.per_class is not None
    assert again.per_class.counted == "instances"


def test_the_model_finds_the_same_whenever_it_is_asked() -> None:
    task = finetune_task(tiny())
    assert isinstance(task, InstanceTask)
    model, scene = task.model.eval(), task.validation[0]
    first, second = (find_instances(model, scene, 0.15, SelectionConfig(minimum_points=0)) for _ in range(2))
    assert torch.equal(first.instances.point, second.instances.point)
    assert torch.equal(first.instances.score, second.instances.score)
    assert bool((first.instances.score.diff() <= 0).all())


def test_a_frozen_encoder_stays_as_it_is() -> None:
    task = finetune_task(tiny("freeze_encoder=true"))
    assert isinstance(task, InstanceTask)
    before = {name: value.clone() for name, value in task.model.encoder.state_dict().items()}
    losses = task.model.train()(task.batches(0, 1)[0], None, 0.0)
    losses.total.backward()
    assert all(p.grad is not None and not p.grad.any() for p in task.model.scorer.parameters())
    task.model(task.batches(0, 1)[0], None, 1.0).total.backward()
    assert all(p.grad is not None and p.grad.any() for p in task.model.scorer.parameters())
    assert all(p.grad is None for p in task.model.encoder.parameters())
    assert task.model.offset_head[0].weight.grad is not None
    after = task.model.encoder.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_stuff_that_is_no_class_is_told() -> None:
    with pytest.raises(ValueError, match="stuff names 'tapestry'"):
        InstanceModel(tiny("stuff=[tapestry]"), ("wall", "chair"))
