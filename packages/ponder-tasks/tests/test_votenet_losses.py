"""Targets and losses of VoteNet: against loops, on perfect proposals, and where there is nothing to find."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from ponder_data import Batch, PackedBoxes, Scene
from ponder_data.scene import Boxes
from ponder_encoders.set_abstraction import PointLevel
from ponder_render import Losses
from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.detect.headings import HeadingBins
from ponder_tasks.detect.losses import DetectionLossConfig, detection_losses, point_class_loss
from ponder_tasks.detect.targets import proposal_targets, vote_targets
from ponder_tasks.detect.true_boxes import (
    NO_SCENE,
    TrueBoxes,
    boxes_to_detect,
    detector_classes,
    mean_sizes,
    true_boxes,
)
from ponder_tasks.detect.votenet import Proposals

HEADINGS = HeadingBins(bins=4, period=2 * math.pi)
SIZES = torch.tensor([[1.0, 0.5, 0.8], [0.4, 0.4, 1.0], [2.0, 1.0, 0.5]])


def truth(*, scenes: tuple[int, ...] = (0, 0, 1)) -> TrueBoxes:
    return TrueBoxes(
        boxes=OrientedBoxes(
            center=torch.tensor([[0.0, 0.0, 0.5], [2.0, 0.0, 0.5], [0.0, 0.0, 0.4]]),
            size=torch.tensor([[1.1, 0.5, 0.7], [0.4, 0.3, 1.2], [1.8, 1.1, 0.5]]),
            heading=torch.tensor([0.1, -2.0, 3.0]),
        ),
        label=torch.tensor([0, 1, 2]),
        instance=torch.tensor([7, 9, 7]),
        scene=torch.tensor(scenes),
    )


def random_proposals(seed: int = 0) -> Proposals:
    """Six in the first scene, four in the second; some clusters lie on objects, some between, some far off."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).requires_grad_()

    first = [
        [0.1, 0.0, 0.5],
        [0.4, 0.0, 0.5],
        [1.9, 0.1, 0.5],
        [5.0, 0.0, 0.5],
        [2.2, 0.1, 0.6],
        [0.7, 0.0, 0.5],
    ]
    second = [[0.1, 0.1, 0.4], [2.0, 0.0, 0.5], [0.0, 0.5, 0.4], [0.0, 0.0, 0.2]]
    return Proposals(
        seeds=PointLevel(
            positions=torch.zeros(12, 3), features=torch.zeros(12, 4), lengths=(6, 6), index=torch.arange(12)
        ),
        votes=draw(12, 3),
        position=torch.tensor(first + second),
        lengths=(6, 4),
        objectness=draw(10, 2),
        center=draw(10, 3),
        heading_score=draw(10, 4),
        heading_rest=draw(10, 4),
        size_score=draw(10, 3),
        size_rest=draw(10, 3, 3),
        class_score=draw(10, 3),
    )


def seeds_and_batch() -> tuple[PointLevel, Batch]:
    """Twelve seeds, every second of twenty-four points, half of them in each scene."""
    instance = torch.tensor([7, 7, 9, 9, -1, -1, 8, 8, 7, 7, -1, -1, 7, 7, 9, 9, -1, -1, 7, 7, 3, 3, 7, 7])
    index = torch.arange(0, 24, 2)
    coord = torch.rand(24, 3, generator=torch.Generator().manual_seed(1))
    number = torch.arange(3)
    boxes = truth()
    scene_boxes = Boxes(
        center=boxes.boxes.center,
        size=boxes.boxes.size,
        heading=boxes.boxes.heading,
        label=torch.tensor([4, 5, 6]),
        instance=boxes.instance,
    )
    batch = Batch(
        coord=coord,
        grid_coord=number.new_zeros(24, 3),
        features=torch.zeros(24, 6),
        offsets=torch.tensor([12, 24]),
        lower=torch.zeros(2, 3),
        upper=torch.ones(2, 3),
        semantic=torch.full((24,), -1),
        instance=instance,
        rays=None,
        names=("a", "b"),
        datasets=("test", "test"),
        conditions=("test", "test"),
        boxes=PackedBoxes(boxes=scene_boxes, offsets=torch.tensor([2, 3])),
    )
    seeds = PointLevel(positions=coord[index], features=torch.zeros(12, 4), lengths=(6, 6), index=index)
    return seeds, batch


def losses(proposals: Proposals, boxes: TrueBoxes, config: DetectionLossConfig | None = None) -> Losses:
    seeds, batch = seeds_and_batch()
    return detection_losses(
        proposals,
        boxes,
        vote_targets(seeds, batch, boxes),
        proposal_targets(proposals, boxes),
        headings=HEADINGS,
        mean_sizes=SIZES,
        config=config or DetectionLossConfig(),
        points=None if proposals.point_score is None else vote_targets(seeds, batch, boxes),
    )


def test_seeds_vote_for_the_box_of_their_own_instance_and_scene() -> None:
    seeds, batch = seeds_and_batch()
    votes = vote_targets(seeds, batch, truth())
    # Instances of the seeds: 7 9 - 8 7 - | 7 9 - 7 3 7; the second scene knows no box of its instance 9.
    assert votes.on_object.tolist() == [1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1]
    expected = {0: 0, 1: 1, 4: 0, 6: 2, 9: 2, 11: 2}
    for seed, box in expected.items():
        assert torch.equal(votes.center[seed], truth().boxes.center[box])


def test_proposals_are_of_the_object_whose_centre_is_near_their_cluster() -> None:
    assigned = proposal_targets(random_proposals(), truth())
    assert assigned.is_object.tolist() == [1, 0, 1, 0, 1, 0, 1, 0, 0, 1]
    # Between 0.3 and 0.6 m nobody judges; 0.7 m and another scene's centre are far.
    assert assigned.judged.tolist() == [1, 0, 1, 1, 1, 1, 1, 1, 0, 1]
    assert assigned.nearest[assigned.is_object].tolist() == [0, 1, 1, 2, 2]


def test_losses_are_those_of_a_loop_over_seeds_and_proposals() -> None:
    proposals, boxes = random_proposals(), truth()
    seeds, batch = seeds_and_batch()
    named = losses(proposals, boxes).named()
    votes = vote_targets(seeds, batch, boxes)
    assigned = proposal_targets(proposals, boxes)
    rows = [row for row in range(10) if assigned.is_object[row]]
    scene = [0] * 6 + [1] * 4

    def mean(values: list[torch.Tensor]) -> float:
        return float(torch.stack(values).mean().detach())

    on_object = [seed for seed in range(12) if votes.on_object[seed]]
    assert named["vote"] == pytest.approx(
        mean([(proposals.votes[s] - votes.center[s]).abs().sum() for s in on_object]), rel=1e-5
    )
    weighted = [
        (0.8 if assigned.is_object[row] else 0.2)
        * -proposals.objectness[row].log_softmax(0)[int(assigned.is_object[row])]
        for row in range(10)
        if assigned.judged[row]
    ]
    assert named["objectness"] == pytest.approx(mean(weighted), rel=1e-5)

    def squared(row: int, box: int) -> torch.Tensor:
        return (proposals.center[row] - boxes.boxes.center[box]).square().sum()

    of_scene = {0: [0, 1], 1: [2]}
    there = mean([torch.stack([squared(r, b) for b in of_scene[scene[r]]]).min() for r in rows])
    back = mean(
        [
            torch.stack([squared(r, b) for r in range(10) if scene[r] == s]).min()
            for s, own in of_scene.items()
            for b in own
        ]
    )
    assert named["center"] == pytest.approx(there + back, rel=1e-5)
    label = boxes.label[assigned.nearest]
    bins, rests = HEADINGS.encode(boxes.boxes.heading[assigned.nearest])
    terms = {
        "heading_class": [-proposals.heading_score[r].log_softmax(0)[bins[r]] for r in rows],
        "heading_rest": [F.huber_loss(proposals.heading_rest[r, bins[r]], rests[r]) for r in rows],
        "size_class": [-proposals.size_score[r].log_softmax(0)[label[r]] for r in rows],
        "semantic": [-proposals.class_score[r].log_softmax(0)[label[r]] for r in rows],
        "size_rest": [
            F.huber_loss(
                proposals.size_rest[r, label[r]],
                (boxes.boxes.size[assigned.nearest[r]] - SIZES[label[r]]) / SIZES[label[r]],
            )
            for r in rows
        ],
    }
    for name, values in terms.items():
        assert named[name] == pytest.approx(mean(values), rel=1e-5), name


@pytest.mark.parametrize("nothing", ["no box at all", "boxes of another scene only"])
def test_where_there_is_nothing_to_find_losses_and_gradients_stay_finite(nothing: str) -> None:
    scenes = (NO_SCENE,) * 3 if nothing == "no box at all" else (1, 1, 1)
    proposals = random_proposals()
    found = losses(proposals, truth(scenes=scenes))
    found.check_finite()
    found.total.backward()
    for tensor in (proposals.votes, proposals.center, proposals.size_rest, proposals.class_score):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
    if nothing == "no box at all":
        assert {name for name, value in found.named().items() if value != 0} == {"objectness"}


def test_points_that_say_their_class_are_judged_by_the_box_they_lie_on() -> None:
    scores = torch.randn(12, 4, generator=torch.Generator().manual_seed(2))
    proposals = replace(random_proposals(), point_score=scores)
    # Classes of the points' boxes, 3 where there is none; see the test of votes.
    expected = [0, 1, 3, 3, 0, 3, 2, 3, 3, 2, 3, 2]
    each = [-scores[point].log_softmax(0)[label] for point, label in enumerate(expected)]
    assert losses(proposals, truth()).named()["seed_class"] == pytest.approx(
        float(torch.stack(each).mean()), rel=1e-5
    )
    assert "seed_class" not in losses(random_proposals(), truth()).named()
    points, batch = seeds_and_batch()
    with pytest.raises(ValueError, match=r"set votenet\.seed_classes"):
        point_class_loss(random_proposals(), vote_targets(points, batch, truth()))


def test_weights_choose_what_is_computed() -> None:
    only_votes = DetectionLossConfig(
        objectness=0, center=0, heading_class=0, heading_rest=0, size_class=0, size_rest=0, semantic=0
    )
    assert list(losses(random_proposals(), truth(), only_votes).named()) == ["vote"]
    with pytest.raises(ValueError, match=r"every detection loss has weight 0 \(vote, objectness"):
        losses(random_proposals(), truth(), only_votes.model_copy(update={"vote": 0.0}))


def test_boxes_of_a_batch_are_those_of_the_detectors_classes() -> None:
    _, batch = seeds_and_batch()
    names = ("floor", "wall", "door", "rug", "table", "chair", "bed")
    boxes = true_boxes(batch, detector_classes(names, ("bed", "table")))
    assert boxes.label.tolist() == [1, 0]
    assert boxes.scene.tolist() == [0, 1]
    assert boxes.instance.tolist() == [7, 7]
    none = true_boxes(batch, detector_classes(names, ("rug",)))
    assert none.scene.tolist() == [NO_SCENE]
    with pytest.raises(ValueError, match="classes sofa, lamp cannot be detected: the data has floor, wall"):
        detector_classes(names, ("bed", "sofa", "lamp"))


def test_mean_sizes_are_those_of_the_training_boxes() -> None:
    class_of_label = detector_classes(("floor", "table", "chair", "bed"), ("table", "chair", "bed"))

    def boxes(labels: list[int], side: float) -> Boxes:
        count = len(labels)
        return Boxes(
            center=torch.zeros(count, 3),
            size=side * torch.ones(count, 3),
            heading=torch.zeros(count),
            label=torch.tensor(labels, dtype=torch.int64),
            instance=torch.arange(count),
        )

    kept = boxes_to_detect(boxes([0, 1, -1, 3], 1.0), class_of_label)
    assert kept.label.tolist() == [0, 2]
    assert kept.instance.tolist() == [1, 3]

    def scene(own: Boxes | None) -> Scene:
        point = torch.zeros(2, 3)
        return Scene(name="s", dataset="test", coord=point, color=point, normal=point, boxes=own)

    class Listed:
        name = "test"
        class_names = ("floor", "table", "chair", "bed")

        def __init__(self, *scenes: Scene) -> None:
            self.scenes = scenes

        def __len__(self) -> int:
            return len(self.scenes)

        def __getitem__(self, index: int) -> Scene:
            return self.scenes[index]

    scenes = Listed(scene(boxes([0, 1, 1], 1.0)), scene(None), scene(boxes([1, 3], 4.0)))
    assert mean_sizes(scenes, class_of_label, 3).tolist() == [[2.0] * 3, [2.5] * 3, [4.0] * 3]
    with pytest.raises(ValueError, match="none of the 1 training scenes has a box to detect"):
        mean_sizes(Listed(scene(boxes([0], 1.0))), class_of_label, 3)
