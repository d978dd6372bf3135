"""VoteNet on its two backbones, and the way from proposals to figures."""

import math
from dataclasses import replace

import pytest
import torch
from ponder_data import (
    AugmentationConfig,
    Batch,
    Boxes,
    Sample,
    SampleConfig,
    Scene,
    SyntheticRoomsConfig,
    collate,
    prepare_sample,
)
from ponder_encoders import PointNet2Config, SparseUNetConfig
from ponder_encoders.set_abstraction import PointLevel
from ponder_tasks.boxes.rotated_iou import axis_aligned_iou_3d, iou_3d
from ponder_tasks.detect.decoding import DecodingConfig, believed_boxes
from ponder_tasks.detect.evaluation import DetectionMeasure, detect_in_scene
from ponder_tasks.detect.headings import HeadingBins
from ponder_tasks.detect.model import DetectionModel
from ponder_tasks.detect.task import DetectTask
from ponder_tasks.detect.votenet import Proposals, VoteNetConfig
from ponder_tasks.metrics.detection import DetectionMatches
from ponder_tasks.recipe import DetectRecipe

CLASSES = ("floor", "chest", "pole")
SHAPES = {1: (0.8, 0.4, 0.5), 2: (0.2, 0.2, 1.2)}


def cuboid_scene(seed: int) -> Scene:
    """A floor with three chests and three poles on it, turned at random and well apart."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    labels = [1, 1, 1, 2, 2, 2]
    size = torch.tensor([SHAPES[label] for label in labels]) * (0.9 + 0.2 * draw(6, 1))
    grid = torch.tensor([(x, y) for x in (0.0, 1.5, 3.0) for y in (0.0, 1.5)])
    center = torch.cat((grid + 0.3 * draw(6, 2), 0.5 * size[:, 2:]), dim=1)[
        torch.randperm(6, generator=generator)
    ]
    center[:, 2] = 0.5 * size[:, 2]
    heading = math.pi * draw(6)
    floor = torch.cat((draw(150, 2) * torch.tensor([4.0, 2.5]) - 0.4, torch.zeros(150, 1)), dim=1)
    coord, instance = [floor], [torch.full((150,), -1)]
    for index in range(6):
        local = draw(45, 3) - 0.5
        axis = torch.randint(0, 3, (45,), generator=generator)
        local[torch.arange(45), axis] = local[torch.arange(45), axis].sign() * 0.5
        local = local * size[index]
        cosine, sine = heading[index].cos(), heading[index].sin()
        turned = torch.stack(
            (cosine * local[:, 0] - sine * local[:, 1], sine * local[:, 0] + cosine * local[:, 1])
        )
        coord.append(torch.cat((turned.T, local[:, 2:]), dim=1) + center[index])
        instance.append(torch.full((45,), index))
    points = torch.cat(coord)
    return Scene(
        name=f"scene-{seed}",
        dataset="cuboids",
        coord=points,
        color=torch.full_like(points, 0.5),
        normal=torch.tensor([0.0, 0.0, 1.0]).expand_as(points).clone(),
        instance=torch.cat(instance),
        boxes=Boxes(
            center=center,
            size=size,
            heading=heading,
            label=torch.tensor(labels),
            instance=torch.arange(6),
        ),
        class_names=CLASSES,
    )


def recipe(*, points: bool) -> DetectRecipe:
    rooms = SyntheticRoomsConfig(scenes=1, views=2, image_width=48, image_height=36, held_out_views=0)
    tiny = PointNet2Config(
        in_channels=7,
        seeds=(96, 48),
        radii=(0.4, 0.8),
        neighbours=(12, 12),
        abstraction_channels=((32, 32), (48, 48)),
        propagation_channels=((48,),),
    )
    return DetectRecipe(
        name="tiny",
        train_data=rooms,
        val_data=rooms,
        sample=SampleConfig(grid_size=0.02 if points else 0.1, augmentation=AugmentationConfig.none()),
        encoder=SparseUNetConfig(
            base_channels=16, channels=(24, 32, 32, 24), layers=(1, 1, 1, 1), backend="torch"
        ),
        classes=("pole", "chest"),
        points=tiny if points else None,
        votenet=VoteNetConfig(
            seeds=96,
            proposals=40,
            channels=32,
            heading_bins=4,
            heading_period="half-turn",
            seed_classes=True,
            neighbours=8,
        ),
    )


def batch_of(*scenes: Scene, points: bool = True) -> Batch:
    config = recipe(points=points).sample
    samples: list[Sample] = [
        prepare_sample(scene, config, torch.Generator().manual_seed(0), rays=False) for scene in scenes
    ]
    return collate(samples)


@pytest.mark.parametrize("points", [False, True])
def test_every_parameter_learns_and_nothing_depends_on_the_other_scenes(points: bool) -> None:
    torch.manual_seed(0)
    model = DetectionModel(recipe(points=points), CLASSES)
    scenes = [cuboid_scene(1), cuboid_scene(2)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        halved = model(batch_of(*scenes, points=points), None)
    halved.check_finite()
    assert {term.value.dtype for term in halved.terms} == {torch.float32}
    losses = model(batch_of(*scenes, points=points), None)
    losses.check_finite()
    losses.total.backward()
    without = [
        name for name, p in model.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()
    ]
    assert without == []
    model.eval()
    with torch.no_grad():
        both = model.propose(model.points(batch_of(*scenes, points=points)))
        alone = model.propose(model.points(batch_of(scenes[1], points=points)))
    torch.testing.assert_close(both.center[both.scene() == 1], alone.center, rtol=1e-4, atol=1e-5)
    assert both.lengths == (40, 40)


def test_a_few_steps_on_two_scenes_find_their_boxes() -> None:
    torch.manual_seed(0)
    model = DetectionModel(recipe(points=True), CLASSES)
    model.mean_sizes.copy_(torch.tensor([SHAPES[2], SHAPES[1]]))
    scenes = [cuboid_scene(3), cuboid_scene(4)]
    batch = batch_of(*scenes)
    optimizer = torch.optim.Adam(model.parameters(), lr=1.2e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.2e-2, total_steps=90)
    for _ in range(90):
        optimizer.zero_grad()
        model(batch, None).total.backward()
        optimizer.step()
        schedule.step()
    measure = DetectionMeasure(model.eval())
    for scene in scenes:
        measure.add(detect_in_scene(model, scene))
    figures = {m.name: m.value for m in measure.metrics().measurements()}
    assert figures["ap25"] > 60, figures
    assert figures["ap25_aligned"] > 60, figures
    assert measure.metrics().per_class().counts == (6, 6)


HEADINGS = HeadingBins(bins=6, period=math.pi)
SIZES = torch.tensor([SHAPES[2], SHAPES[1]])


def perfect_proposals(scene: Scene, *, copies: int = 1) -> Proposals:
    """What a network would say that knows the truth; later copies of a box are less sure of it."""
    assert scene.boxes is not None
    boxes = scene.boxes
    label = torch.where(boxes.label == 2, 0, 1)
    index, rest = HEADINGS.encode(boxes.heading)
    objectness = torch.tensor([[-2.0, 2.0 - copy] for copy in range(copies) for _ in range(len(boxes))])
    one_hot = torch.nn.functional.one_hot
    none = torch.empty(0, dtype=torch.int64)
    return Proposals(
        seeds=PointLevel(positions=torch.empty(0, 3), features=torch.empty(0, 4), lengths=(0,), index=none),
        votes=torch.empty(0, 3),
        position=boxes.center.repeat(copies, 1),
        lengths=(copies * len(boxes),),
        objectness=objectness,
        center=boxes.center.repeat(copies, 1),
        heading_score=9.0 * one_hot(index, 6).float().repeat(copies, 1),
        heading_rest=rest[:, None].expand(-1, 6).repeat(copies, 1),
        size_score=9.0 * one_hot(label, 2).float().repeat(copies, 1),
        size_rest=(boxes.size / SIZES[label] - 1)[:, None].expand(-1, 2, 3).repeat(copies, 1, 1),
        class_score=9.0 * one_hot(label, 2).float().repeat(copies, 1),
    )


@pytest.mark.parametrize("every_class", [False, True])
@pytest.mark.parametrize("overlap", [iou_3d, axis_aligned_iou_3d])
def test_a_network_that_knows_the_truth_scores_one(every_class: bool, overlap) -> None:
    matches = DetectionMatches(("pole", "chest"), overlap)
    for seed in range(3):
        scene = cuboid_scene(seed)
        assert scene.boxes is not None
        found = believed_boxes(
            perfect_proposals(scene, copies=3),
            scene.coord,
            headings=HEADINGS,
            mean_sizes=SIZES,
            config=DecodingConfig(),
        )
        assert len(found.boxes) == 6, "copies are suppressed"
        detections = found.detections(every_class=every_class)
        assert len(detections) == (12 if every_class else 6)
        assert (detections.score.diff() <= 0).all()
        truth = replace(scene.boxes, label=torch.where(scene.boxes.label == 2, 0, 1))
        matches.add(detections, truth)
    for threshold in (0.25, 0.5, 0.95):
        assert matches.average_precision(threshold).ap_per_class == (1.0, 1.0)


def test_proposals_go_that_hold_no_points_or_are_no_object() -> None:
    scene = cuboid_scene(5)
    proposals = perfect_proposals(scene)
    empty = scene.coord[:150] - 1.0  # the floor, a metre down and aside
    common = {"headings": HEADINGS, "mean_sizes": SIZES}
    assert len(believed_boxes(proposals, empty, config=DecodingConfig(), **common).boxes) == 0
    unsure = replace(proposals, objectness=-proposals.objectness)
    assert len(believed_boxes(unsure, scene.coord, config=DecodingConfig(), **common).boxes) == 0
    all_kept = DecodingConfig(least_objectness=0.0)
    assert len(believed_boxes(unsure, scene.coord, config=all_kept, **common).boxes) == 6


def test_bad_recipes_are_told() -> None:
    with pytest.raises(ValueError, match="classes pole, chest cannot be detected: the data has floor, wall"):
        DetectTask(recipe(points=False))
    with pytest.raises(ValueError, match=r"--encoder runs/a: the recipe tiny has a PointNet\+\+"):
        DetectTask(recipe(points=True).model_copy(update={"encoder_source": "runs/a"}))
    with pytest.raises(ValueError, match="frozen it would never learn"):
        DetectTask(recipe(points=True).model_copy(update={"freeze_encoder": True}))
    scene = replace(cuboid_scene(1), boxes=None)
    model = DetectionModel(recipe(points=False), CLASSES)
    with pytest.raises(ValueError, match="not all of the scenes scene-1 have boxes"):
        model(batch_of(scene), None)
    with pytest.raises(ValueError, match="scene 'scene-1' has no boxes to compare"):
        detect_in_scene(model, scene)
