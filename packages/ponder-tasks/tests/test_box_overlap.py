"""Areas and volumes that boxes share, against shapely, closed forms and finite differences."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data.scene import Boxes
from ponder_tasks.boxes.corners import bev_corners, box_corners, enclosing_boxes, points_inside
from ponder_tasks.boxes.oriented_boxes import OrientedBoxes, join_boxes
from ponder_tasks.boxes.rectangle_overlap import shared_area
from ponder_tasks.boxes.rotated_iou import axis_aligned_iou_3d, bev_iou, iou_3d, pairwise
from shapely.geometry import Polygon


def make_boxes(rows: list[list[float]]) -> OrientedBoxes:
    """Rows of x, y, z, length, width, height, heading."""
    table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 7)
    return OrientedBoxes(center=table[:, :3], size=table[:, 3:6], heading=table[:, 6])


def random_boxes(count: int, seed: int, *, spread: float = 2.0) -> OrientedBoxes:
    generator = torch.Generator().manual_seed(seed)
    draw = torch.rand(count, 7, dtype=torch.float64, generator=generator)
    return OrientedBoxes(
        center=spread * (draw[:, :3] - 0.5),
        size=0.05 + 2.0 * draw[:, 3:6] ** 2,
        heading=8 * math.pi * (draw[:, 6] - 0.5),
    )


def polygons(boxes: OrientedBoxes) -> list[Polygon]:
    """Corners by plain trigonometry, not by the code under test."""
    result = []
    for (x, y, _), (length, width, _), heading in zip(
        boxes.center.tolist(), boxes.size.tolist(), boxes.heading.tolist(), strict=True
    ):
        cosine, sine = math.cos(heading), math.sin(heading)
        signs = ((0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5))
        local = [(length * a, width * b) for a, b in signs]
        result.append(Polygon([(x + cosine * u - sine * v, y + sine * u + cosine * v) for u, v in local]))
    return result


def shapely_iou(first: OrientedBoxes, second: OrientedBoxes, *, space: bool) -> torch.Tensor:
    values = []
    for index, (one, other) in enumerate(zip(polygons(first), polygons(second), strict=True)):
        shared = one.intersection(other).area
        sizes = [one.area, other.area]
        if space:
            lows = [float(b.center[index, 2] - 0.5 * b.size[index, 2]) for b in (first, second)]
            highs = [float(b.center[index, 2] + 0.5 * b.size[index, 2]) for b in (first, second)]
            shared *= max(min(highs) - max(lows), 0.0)
            sizes = [area * (high - low) for area, high, low in zip(sizes, highs, lows, strict=True)]
        union = sum(sizes) - shared
        values.append(shared / union if union > 0 else 0.0)
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("space", [False, True])
def test_random_boxes_agree_with_shapely(space: bool) -> None:
    first, second = random_boxes(400, seed=1), random_boxes(400, seed=2)
    overlap = iou_3d if space else bev_iou
    expected = shapely_iou(first, second, space=space)
    assert (expected > 0.01).sum() > 30
    torch.testing.assert_close(overlap(first, second), expected, rtol=0, atol=1e-9)
    single = [
        OrientedBoxes(center=b.center.float(), size=b.size.float(), heading=b.heading.float())
        for b in (first, second)
    ]
    torch.testing.assert_close(overlap(*single).double(), expected, rtol=0, atol=5e-6)


ANGLES = [0.0, math.pi / 2, math.pi, -math.pi / 2, math.pi / 4, 1e-12, 1e-7, math.pi / 2 + 1e-9, 0.3]
SIZES = [0.0, 1e-12, 1e-6, 0.5, 1.0, 2.0, 50.0]
PLACES = [-1.0, -0.5, 0.0, 1e-12, 1e-7, 0.25, 0.5, 1.0]
AWKWARD = st.lists(
    st.tuples(*[st.sampled_from(PLACES)] * 3, *[st.sampled_from(SIZES)] * 3, st.sampled_from(ANGLES)).map(
        list
    ),
    min_size=2,
    max_size=2,
)


@settings(max_examples=200, deadline=None)
@given(AWKWARD)
def test_touching_coincident_and_flat_boxes_agree_with_shapely(rows: list[list[float]]) -> None:
    first, second = make_boxes(rows[:1]), make_boxes(rows[1:])
    for tensor in (first.center, first.size, first.heading, second.center, second.size, second.heading):
        tensor.requires_grad_()
    one, other = polygons(first)[0], polygons(second)[0]
    area = shared_area(first, second)
    assert area.item() == pytest.approx(one.intersection(other).area, abs=1e-6)
    values = (bev_iou(first, second), iou_3d(first, second), axis_aligned_iou_3d(first, second))
    for value in values:
        assert -1e-9 <= value.item() <= 1 + 1e-9
    sum(values, area).sum().backward()
    for tensor in (first.center, first.size, first.heading, second.center, second.size, second.heading):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()


def test_a_box_has_iou_one_with_itself_however_it_is_turned_and_wherever_it_stands() -> None:
    boxes = random_boxes(50, seed=3)
    far = OrientedBoxes(center=boxes.center + 4000.0, size=boxes.size, heading=boxes.heading)
    half_turn = OrientedBoxes(center=boxes.center, size=boxes.size, heading=boxes.heading + math.pi)
    swapped = OrientedBoxes(
        center=boxes.center, size=boxes.size[:, [1, 0, 2]], heading=boxes.heading + 0.5 * math.pi
    )
    for one, other in ((boxes, boxes), (far, far), (boxes, half_turn), (boxes, swapped)):
        for overlap in (bev_iou, iou_3d):
            torch.testing.assert_close(
                overlap(one, other), torch.ones(50, dtype=torch.float64), rtol=0, atol=1e-9
            )


def test_flat_boxes_have_no_iou_not_even_with_themselves() -> None:
    flat = make_boxes([[0, 0, 0, 0, 1, 1, 0.3], [0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0, 0]])
    assert bev_iou(flat, flat).tolist() == pytest.approx([0, 0, 1])
    assert iou_3d(flat, flat).tolist() == [0, 0, 0]
    assert axis_aligned_iou_3d(flat, flat).tolist()[1:] == [0, 0]


def test_gradients_agree_with_finite_differences() -> None:
    first, second = random_boxes(3, seed=4, spread=0.8), random_boxes(3, seed=5, spread=0.8)
    tensors = (first.center, first.size, first.heading, second.center, second.size, second.heading)

    def overlap(*values: torch.Tensor) -> torch.Tensor:
        one = OrientedBoxes(center=values[0], size=values[1], heading=values[2])
        other = OrientedBoxes(center=values[3], size=values[4], heading=values[5])
        return torch.cat([bev_iou(one, other), iou_3d(one, other), axis_aligned_iou_3d(one, other)])

    assert torch.autograd.gradcheck(overlap, tuple(t.requires_grad_() for t in tensors), atol=1e-5)


@pytest.mark.parametrize("overlap", [bev_iou, iou_3d, axis_aligned_iou_3d])
def test_the_table_of_all_pairs_holds_each_pair(overlap) -> None:
    first, second = random_boxes(17, seed=6, spread=8.0), random_boxes(23, seed=7, spread=8.0)
    table = pairwise(first, second, overlap)
    rows, columns = torch.meshgrid(torch.arange(17), torch.arange(23), indexing="ij")
    every = overlap(first.take(rows.flatten()), second.take(columns.flatten())).reshape(17, 23)
    assert 0 < int((every > 0).sum()) < every.numel()
    torch.testing.assert_close(table, every, rtol=0, atol=1e-12)
    empty = make_boxes([])
    assert pairwise(empty, second, overlap).shape == (0, 23)
    assert pairwise(first, empty, overlap).shape == (17, 0)


def test_axis_aligned_boxes_have_the_closed_form() -> None:
    first = make_boxes([[0, 0, 0, 2, 2, 2, 0]])
    second = make_boxes([[1, 1, 1, 2, 2, 2, math.pi / 2]])
    assert float(bev_iou(first, second)) == pytest.approx(1 / 7)
    assert float(iou_3d(first, second)) == pytest.approx(1 / 15)
    assert float(axis_aligned_iou_3d(first, second)) == pytest.approx(1 / 15)
    # An eighth turn of the square: what both share is a regular octagon.
    octagon = shared_area(make_boxes([[0, 0, 0, 2, 2, 1, 0]]), make_boxes([[0, 0, 0, 2, 2, 1, math.pi / 4]]))
    assert float(octagon) == pytest.approx(8 * (math.sqrt(2) - 1))


def test_corners_bounds_and_what_lies_inside_agree() -> None:
    boxes = random_boxes(30, seed=8)
    for corners, polygon in zip(bev_corners(boxes).tolist(), polygons(boxes), strict=True):
        assert corners == [pytest.approx(corner) for corner in list(polygon.exterior.coords)[:4]]
    around = enclosing_boxes(boxes)
    for index, polygon in enumerate(polygons(boxes)):
        low, high = (around.center - 0.5 * around.size)[index], (around.center + 0.5 * around.size)[index]
        assert (*low[:2].tolist(), *high[:2].tolist()) == pytest.approx(polygon.bounds)
    corners = box_corners(boxes)
    inner = boxes.center[:, None] + 0.999 * (corners - boxes.center[:, None])
    outer = boxes.center[:, None] + 1.001 * (corners - boxes.center[:, None])
    own = torch.arange(30)
    assert points_inside(inner.reshape(-1, 3), boxes).reshape(30, 30, 8)[own, own].all()
    assert not points_inside(outer.reshape(-1, 3), boxes).reshape(30, 30, 8)[own, own].any()


def test_boxes_of_a_scene_and_joined_boxes() -> None:
    parts = [random_boxes(2, seed=9), random_boxes(3, seed=10)]
    joined = join_boxes(parts)
    assert len(joined) == 5
    assert torch.equal(joined.take(torch.tensor([3])).center, parts[1].center[1:2])
    number = torch.arange(5)
    scene = Boxes(
        center=joined.center, size=joined.size, heading=joined.heading, label=number, instance=number
    )
    assert torch.equal(OrientedBoxes.of_scene(scene).heading, joined.heading)
    assert len(OrientedBoxes.of_scene(scene).to("cpu")) == 5


def test_bad_input_is_told() -> None:
    boxes = random_boxes(3, seed=11)
    with pytest.raises(ValueError, match=r"3 boxes cannot be paired with 2"):
        iou_3d(boxes, boxes.take(torch.tensor([0, 1])))
    with pytest.raises(ValueError, match=r"no boxes to join"):
        join_boxes([])
