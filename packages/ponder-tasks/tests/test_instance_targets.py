"""Targets, losses and proposals of instance segmentation, against loops and closed forms."""

from dataclasses import replace

import pytest
import torch
from ponder_data import Batch
from ponder_encoders import SparseUNetConfig
from ponder_tasks.instances.losses import InstanceLossConfig, direction_loss, offset_loss, score_loss
from ponder_tasks.instances.proposals import GroupingConfig, PointPredictions, proposal_overlaps, propose
from ponder_tasks.instances.scorer import ProposalScorer, ScorerConfig, proposal_cells
from ponder_tasks.instances.targets import instance_targets
from ponder_tasks.instances.things import thing_classes

THINGS = torch.tensor([False, True, True])


def batch_of(coord: torch.Tensor, semantic: list[int], instance: list[int], offsets: list[int]) -> Batch:
    points = len(coord)
    return Batch(
        coord=coord,
        grid_coord=torch.arange(3 * points).view(points, 3),
        features=torch.zeros(points, 6),
        offsets=torch.tensor(offsets),
        lower=torch.zeros(len(offsets), 3),
        upper=torch.ones(len(offsets), 3),
        semantic=torch.tensor(semantic),
        instance=torch.tensor(instance),
        rays=None,
        names=("room",) * len(offsets),
        datasets=("rooms",) * len(offsets),
        conditions=("rooms",) * len(offsets),
    )


def random_batch(seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    semantic = torch.randint(-1, 3, (40,), generator=generator).tolist()
    instance = torch.randint(-1, 3, (40,), generator=generator).tolist()
    return batch_of(torch.rand(40, 3, generator=generator), semantic, instance, [25, 40])


def test_targets_agree_with_a_loop() -> None:
    batch = random_batch()
    targets = instance_targets(batch, THINGS)
    parts: dict[tuple[int, int, int], list[int]] = {}
    for point in range(40):
        semantic, instance = int(batch.semantic[point]), int(batch.instance[point])
        if semantic in (1, 2) and instance >= 0:
            parts.setdefault((int(point >= 25), semantic, instance), []).append(point)
    assert targets.sizes.tolist() == [len(parts[key]) for key in sorted(parts)]
    for number, key in enumerate(sorted(parts)):
        center = batch.coord[parts[key]].mean(dim=0)
        for point in parts[key]:
            assert int(targets.instance[point]) == number
            torch.testing.assert_close(targets.to_center[point], center - batch.coord[point])
    others = targets.instance < 0
    assert int(others.sum()) == 40 - sum(map(len, parts.values()))
    assert not targets.to_center[others].any()


def test_losses_agree_with_loops() -> None:
    batch = random_batch(1)
    targets = instance_targets(batch, THINGS)
    offset = torch.randn(40, 3, generator=torch.Generator().manual_seed(2))
    counted = [p for p in range(40) if int(targets.instance[p]) >= 0]
    far = [sum(abs(float(d)) for d in offset[p] - targets.to_center[p]) for p in counted]
    assert float(offset_loss(offset, targets)) == pytest.approx(sum(far) / len(far))
    cosines = [
        float(offset[p] @ targets.to_center[p] / offset[p].norm() / targets.to_center[p].norm())
        for p in counted
        if float(targets.to_center[p].norm()) > 1e-6
    ]
    assert float(direction_loss(offset, targets)) == pytest.approx(-sum(cosines) / len(cosines))
    assert float(direction_loss(3 * targets.to_center, targets)) == pytest.approx(-1)
    assert float(offset_loss(targets.to_center, targets)) == 0


def test_without_instances_losses_and_gradients_are_zero() -> None:
    batch = random_batch()
    targets = instance_targets(replace(batch, instance=torch.full((40,), -1)), THINGS)
    offset = torch.zeros(40, 3, requires_grad=True)
    total = offset_loss(offset, targets) + direction_loss(offset, targets)
    total.backward()
    assert float(total.detach()) == 0
    assert offset.grad is not None
    assert not offset.grad.any()
    assert float(score_loss(torch.zeros(0), torch.zeros(0), InstanceLossConfig())) == 0


def test_the_score_is_to_rise_between_the_two_overlaps() -> None:
    overlap = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9])
    worth = torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0])
    logits = torch.tensor([0.3, -1.0, 2.0, 0.5, -0.2])
    expected = torch.nn.functional.binary_cross_entropy(logits.sigmoid(), worth)
    torch.testing.assert_close(score_loss(logits, overlap, InstanceLossConfig()), expected)
    crossed = InstanceLossConfig(background_overlap=0.6, foreground_overlap=0.5)
    with pytest.raises(ValueError, match="must be above"):
        score_loss(logits, overlap, crossed)


def line(first: float, points: int) -> list[list[float]]:
    return [[first + 0.1 * step, 0.0, 0.0] for step in range(points)]


def test_proposals_come_from_both_sets_of_coordinates_and_keep_scenes_and_classes_apart() -> None:
    # Scene 0: two chairs that touch, and a lamp beside them; scene 1: a chair in the same place, and floor.
    coord = torch.tensor(line(0.0, 8) + line(0.8, 3) + line(0.0, 4) + line(0.4, 4))
    label = torch.tensor([1] * 8 + [2] * 3 + [1] * 4 + [0] * 4)
    center = torch.tensor([[0.0, 0.0, 0.0]] * 4 + [[9.0, 0.0, 0.0]] * 4 + [[5.0, 0.0, 0.0]] * 11)
    points = PointPredictions(
        coord=coord, to_center=center - coord, label=label, offsets=torch.tensor([11, 19])
    )
    found = propose(points, THINGS, GroupingConfig(radius=0.11, minimum_points=3))
    pieces = [piece.tolist() for piece in torch.tensor_split(found.point, found.offsets[:-1])]
    chairs, lamp, other = list(range(8)), [8, 9, 10], [11, 12, 13, 14]
    assert pieces == [chairs, chairs[:4], chairs[4:], lamp, lamp, other, other]
    assert found.label.tolist() == [1, 1, 1, 2, 2, 1, 1]
    assert len(propose(points, THINGS, GroupingConfig(radius=0.11, minimum_points=9))) == 0
    truth = torch.tensor([0] * 4 + [1] * 4 + [2] * 3 + [3] * 2 + [-1] * 6)
    overlaps = proposal_overlaps(found, truth, torch.tensor([4, 4, 3, 2]))
    assert overlaps.tolist() == pytest.approx([0.5, 1, 1, 1, 1, 0.5, 0.5])


def test_the_scorer_sees_each_proposal_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    coord, features = torch.rand(60, 3, generator=generator), torch.randn(60, 5, generator=generator)
    label = torch.ones(60, dtype=torch.int64)
    points = PointPredictions(
        coord=coord, to_center=0.9 * (0.5 - coord), label=label, offsets=torch.tensor([30, 60])
    )
    proposals = propose(points, THINGS, GroupingConfig(radius=0.2, minimum_points=3))
    assert len(proposals) > 2
    scorer = ProposalScorer(
        5, ScorerConfig(cell=0.1, channels=4), SparseUNetConfig.tiny(backend="torch")
    ).eval()
    together = scorer(features, coord, proposals)
    for index in range(len(proposals)):
        alone = scorer(features, coord, proposals.select(torch.tensor([index])))
        torch.testing.assert_close(alone, together[index : index + 1], rtol=1e-4, atol=1e-4)
    together.sum().backward()
    assert all(p.grad is not None for p in scorer.parameters())


def test_cells_of_a_large_proposal_grow_to_fit() -> None:
    coord = torch.tensor([[0.0, 0, 0], [14.0, 0, 0], [0, 0, 0], [0.02, 0, 0], [0.005, 0, 0]])
    owner = torch.tensor([0, 0, 1, 1, 1])
    features = torch.arange(5.0)[:, None]
    batch, cell_owner = proposal_cells(features, coord, owner, 2, ScorerConfig(cell=0.01, most_cells=14))
    assert batch.grid_coord[:, 0].tolist() == [0, 13, 0, 2]
    assert batch.features[:, 0].tolist() == [0, 1, 3, 3]
    assert cell_owner.tolist() == [0, 0, 1, 1]
    assert batch.offsets.tolist() == [2, 4]


def test_stuff_must_be_classes_and_leave_a_thing() -> None:
    assert thing_classes(("wall", "chair"), ("wall",)).tolist() == [False, True]
    with pytest.raises(ValueError, match="stuff names 'flor'"):
        thing_classes(("floor", "chair"), ("flor",))
    with pytest.raises(ValueError, match="all 2 classes are stuff"):
        thing_classes(("floor", "wall"), ("floor", "wall"))
