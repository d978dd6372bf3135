"""Which points vote, and what becomes of votes that know the truth."""

import pytest
import torch
from ponder_data import SyntheticRoomsConfig, collate, prepare_sample
from ponder_data.datasets.synthetic_rooms import ROOM_CLASSES, SyntheticRooms
from ponder_encoders.neighbours import farthest_points
from ponder_encoders.set_abstraction import PointLevel
from ponder_tasks.boxes.corners import points_inside
from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.detect.seeds import even_seeds, likely_seeds, take_points
from ponder_tasks.detect.targets import vote_targets
from ponder_tasks.detect.true_boxes import detector_classes, true_boxes
from ponder_tasks.recipes.rooms_detect import rooms_detect


def points_of(*lengths: int) -> PointLevel:
    generator = torch.Generator().manual_seed(0)
    total = sum(lengths)
    return PointLevel(
        positions=torch.rand(total, 3, generator=generator),
        features=torch.rand(total, 2, generator=generator),
        lengths=lengths,
        index=torch.arange(total) + 100,
    )


def test_without_classes_the_farthest_points_vote_or_all_in_their_order() -> None:
    points = points_of(40, 7)
    rows = even_seeds(points, 10)
    expected, lengths = farthest_points(points.positions, 10, lengths=(40, 7))
    assert torch.equal(rows, expected)
    taken = take_points(points, rows, 10)
    assert taken.lengths == lengths == (10, 7)
    assert torch.equal(taken.index, rows + 100)
    assert torch.equal(taken.positions, points.positions[rows])
    assert torch.equal(even_seeds(points, 40), torch.arange(47))


def test_with_classes_only_points_vote_that_are_likely_on_an_object() -> None:
    points = points_of(40, 30, 7)
    score = torch.zeros(77, 3)
    score[:, 2] = torch.linspace(2.0, 3.0, 77)  # of none, the more the later
    score[5:20, 0] = 9.0  # fifteen of the first scene lie on an object
    rows = likely_seeds(points, score, 10)
    first, second, third = rows.split((10, 10, 7))
    assert set(first.tolist()) <= set(range(5, 20))
    among = farthest_points(points.positions[5:20], 10, lengths=(15,))[0] + 5
    assert torch.equal(first, among)
    assert sorted(second.tolist()) == list(range(40, 50)), "the likeliest, where none is likely"
    assert sorted(third.tolist()) == list(range(70, 77))
    # One more class that is likely, and the same points vote: what counts is that there is an object.
    score[5:20, 1] = 9.0
    assert torch.equal(likely_seeds(points, score, 10), rows)


@pytest.fixture(scope="module")
def room():
    """A room as rooms-detect reads it in training, and its true boxes."""
    recipe = rooms_detect()
    scene = SyntheticRooms(SyntheticRoomsConfig(split="val", first=1000, views=6, held_out_views=0))[0]
    sample = prepare_sample(scene, recipe.sample, torch.Generator().manual_seed(0), rays=False)
    batch = collate([sample])
    return batch, true_boxes(batch, detector_classes(ROOM_CLASSES, recipe.classes)), recipe


def test_boxes_move_with_the_points_that_augmentation_moves(room) -> None:
    batch, truth, _ = room
    grown = OrientedBoxes(center=truth.boxes.center, size=truth.boxes.size + 0.1, heading=truth.boxes.heading)
    inside = points_inside(batch.coord, grown)
    for row, instance in enumerate(truth.instance):
        own = batch.instance == instance
        assert own.any()
        assert inside[row, own].float().mean() > 0.9


def test_of_perfect_votes_clusters_are_found_only_if_walls_do_not_vote(room) -> None:
    """Farthest votes are those of walls, which spread; the votes of one object meet in a single point."""
    batch, truth, recipe = room
    count = recipe.votenet.proposals
    everything = PointLevel(
        positions=batch.coord,
        features=torch.zeros(len(batch.coord), 1),
        lengths=(len(batch.coord),),
        index=torch.arange(len(batch.coord)),
    )
    knows = vote_targets(everything, batch, truth)
    score = torch.stack((4.0 * knows.on_object, 4.0 * ~knows.on_object), dim=1)

    def found(rows: torch.Tensor) -> float:
        """Return the share of the objects that have a proposal within 0.3 m."""
        seeds = take_points(everything, rows, recipe.votenet.seeds)
        targets = vote_targets(seeds, batch, truth)
        votes = torch.where(targets.on_object[:, None], targets.center, seeds.positions)
        chosen, _ = farthest_points(votes, count, lengths=seeds.lengths)
        return float((torch.cdist(votes[chosen], truth.boxes.center).amin(dim=0) < 0.3).float().mean())

    assert found(even_seeds(everything, recipe.votenet.seeds)) < 0.8
    assert found(likely_seeds(everything, score, recipe.votenet.seeds)) == 1.0
