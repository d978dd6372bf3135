import numpy as np
import pytest
from ponder_tasks.report.box_lines import BoxLines, draw_boxes
from ponder_tasks.report.cloud_card import cloud_card
from ponder_tasks.report.cloud_drawing import draw_cloud, paint
from ponder_tasks.report.pictures import CloudLayer, CloudPictures

GREEN = np.array([0.0, 1.0, 0.0])


def room() -> np.ndarray:
    """Points all over a room of 4 x 3 x 2 m, densely enough to fill its picture."""
    axes = (np.linspace(0, 4, 81), np.linspace(0, 3, 61), np.linspace(0, 2, 41))
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def cuboid(low: list[float], high: list[float]) -> np.ndarray:
    (a, b, c), (d, e, f) = low, high
    around = [(a, b), (d, b), (d, e), (a, e)]
    return np.array([(x, y, z) for z in (c, f) for x, y in around], dtype=np.float64)


def is_green(picture: np.ndarray) -> np.ndarray:
    return (picture[..., :3] == (0, 255, 0)).all(axis=2)


def test_a_place_falls_on_the_middle_of_its_point_in_all_three_drawings() -> None:
    coord = room()
    drawing = draw_cloud(coord, 300)
    assert len(drawing.placements) == 3
    for placement in drawing.placements:
        inside = placement.pixels(coord)
        assert inside.min() >= 0
        assert (inside <= (placement.width - 1, placement.height - 1)).all()
        shown = drawing.point[
            placement.row : placement.row + placement.height,
            placement.column : placement.column + placement.width,
        ]
        rows, columns = np.nonzero(shown >= 0)
        middle = placement.pixels(coord[shown[rows, columns]])
        apart = np.abs(middle - np.stack((columns, rows), axis=1))
        assert apart.max() <= 0.5 * placement.square + 1


def test_edges_are_drawn_where_the_box_is_seen_from_each_side() -> None:
    coord = room()
    drawing = draw_cloud(coord, 420)
    box = cuboid([1, 1, 0.5], [3, 2, 1.5])
    picture = draw_boxes(
        paint(drawing, np.zeros_like(coord)), drawing, BoxLines(corners=box[None], color=GREEN[None])
    )
    sizes = {(0, 1): (2.0, 1.0), (0, 2): (2.0, 1.0), (1, 2): (1.0, 1.0)}
    for placement in drawing.placements:
        rows, columns = slice(placement.row, placement.row + placement.height), placement.column
        green = is_green(picture[rows, columns : columns + placement.width])
        used_rows, used_columns = np.flatnonzero(green.any(axis=1)), np.flatnonzero(green.any(axis=0))
        width, height = sizes[placement.side.right, placement.side.up]
        assert np.ptp(used_columns) == pytest.approx(width * placement.scale, abs=4)
        assert np.ptp(used_rows) == pytest.approx(height * placement.scale, abs=4)
        # A frame, not a filled square.
        assert not green[used_rows.mean().astype(int), used_columns.mean().astype(int)]


def test_a_box_outside_of_the_room_does_not_run_into_the_next_drawing() -> None:
    coord = room()
    drawing = draw_cloud(coord, 420)
    plain = paint(drawing, np.zeros_like(coord))
    far = cuboid([10, 10, 10], [11, 11, 11])
    picture = draw_boxes(plain, drawing, BoxLines(corners=far[None], color=GREEN[None]))
    assert np.array_equal(picture, plain)


def test_the_page_shows_the_boxes_of_a_layer() -> None:
    coord = room()[::50]
    color = np.zeros_like(coord)
    box = BoxLines(corners=cuboid([1, 1, 0.5], [3, 2, 1.5])[None], color=GREEN[None])
    layers = (
        CloudLayer(caption="Input", color=color),
        CloudLayer(caption="True boxes: 1", color=color, boxes=box),
    )
    html = cloud_card(CloudPictures(name="room", coord=coord, layers=layers), 300)
    with_boxes, without = (part.split('"')[0] for part in html.split('src="')[1:])
    assert with_boxes != without
    nothing = BoxLines(corners=np.zeros((0, 8, 3)), color=np.zeros((0, 3)))
    empty = CloudPictures(
        name="none", coord=coord, layers=(CloudLayer(caption="0", color=color, boxes=nothing),)
    )
    assert cloud_card(empty, 300).split('src="')[1].split('"')[0] == with_boxes
