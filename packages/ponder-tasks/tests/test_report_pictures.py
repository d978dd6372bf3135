import base64
import io

import numpy as np
import pytest
from PIL import Image
from ponder_tasks.report.cloud_drawing import draw_cloud, paint
from ponder_tasks.report.feature_colors import features_to_rgb
from ponder_tasks.report.palette import UNLABELLED, class_palette, label_colors
from ponder_tasks.report.pictures import RIGHT, WRONG, feature_cloud, segmented_cloud
from ponder_tasks.report.png import as_bytes, png_data_uri
from ponder_tasks.report.view_card import MISSING, depth_range, depth_to_rgb, normals_to_rgb


def decoded(address: str) -> np.ndarray:
    kind, _, text = address.partition(",")
    assert kind == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(text))))


def test_a_picture_comes_back_as_it_was() -> None:
    image = as_bytes(np.random.default_rng(0).random((6, 9, 3)))
    assert np.array_equal(decoded(png_data_uri(image, longest_side=9)), image)


def test_a_large_picture_is_made_smaller_by_averaging() -> None:
    image = np.zeros((4, 8, 3), dtype=np.uint8)
    image[:, ::2] = 200
    small = decoded(png_data_uri(image, longest_side=4))
    assert small.shape == (2, 4, 3)
    assert np.unique(small).tolist() == [100]
    assert set(np.unique(decoded(png_data_uri(image, longest_side=4, smooth=False)))) <= {0, 200}


def test_colours_outside_of_the_range_are_clipped() -> None:
    image = np.array([[[-1.0, 0.5, 2.0], [np.nan, 0.0, 1.0]]])
    assert as_bytes(image).tolist() == [[[0, 128, 255], [0, 0, 255]]]


def test_both_depths_share_the_real_scale_and_missing_is_grey() -> None:
    real = np.array([[1.0, 2.0, 3.0, 0.0]])
    nearest, farthest = depth_range(real, np.array([[9.0, 9.0, 9.0, 9.0]]))
    assert 1.0 <= nearest < 1.1
    assert 2.9 < farthest <= 3.0
    colors = depth_to_rgb(np.array([[1.0, 3.0, 99.0, 0.0, np.nan]]), 1.0, 3.0)
    assert np.array_equal(colors[0, 1], colors[0, 2])
    assert not np.array_equal(colors[0, 0], colors[0, 1])
    assert colors[0, 3].tolist() == colors[0, 4].tolist() == list(MISSING)


def test_depth_scale_without_real_depth() -> None:
    missing = np.zeros((2, 2))
    assert depth_range(missing, np.full((2, 2), 2.0)) == pytest.approx((2.0, 2.01))
    assert depth_range(missing, missing) == (0.0, 1.0)


def test_normals_as_colours() -> None:
    colors = normals_to_rgb(np.array([[[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]))
    assert colors[0].tolist() == [[0.5, 0.5, 1.0], [0.0, 0.5, 0.5], list(MISSING)]


def test_palette_colours_differ() -> None:
    palette = class_palette(40)
    assert palette.shape == (40, 3)
    distance = np.linalg.norm(palette[:, None] - palette[None], axis=-1)[~np.eye(40, dtype=bool)]
    assert distance.min() > 0.02
    assert np.array_equal(class_palette(5), palette[:5])
    assert class_palette(0).shape == (0, 3)


def test_labels_as_colours() -> None:
    palette = class_palette(3)
    colors = label_colors(np.array([2, -1, 0]), palette)
    assert np.array_equal(colors, [palette[2], UNLABELLED, palette[0]])
    with pytest.raises(ValueError, match="label 3 has no colour: the palette has 3 classes"):
        label_colors(np.array([3]), palette)


def test_three_clusters_get_three_colours() -> None:
    rng = np.random.default_rng(0)
    centers = 5.0 * np.eye(8)[:3]
    which = np.repeat([0, 1, 2], 50)
    rgb = features_to_rgb(centers[which] + 0.01 * rng.normal(size=(150, 8)))
    assert rgb.min() >= 0.0
    assert rgb.max() <= 1.0
    means = np.array([rgb[which == label, :2].mean(axis=0) for label in range(3)])
    for label in range(3):
        assert rgb[which == label, :2].std(axis=0).max() < 0.05
        assert np.linalg.norm(means - means[label], axis=1)[np.arange(3) != label].min() > 0.5


def test_the_first_component_is_red_and_the_sign_is_fixed() -> None:
    line = np.linspace(0, 1, 101)
    features = np.stack([10 * line, np.zeros(101)], axis=1)
    rgb = features_to_rgb(features)
    assert np.all(np.diff(rgb[1:-1, 0]) > 0)
    assert np.all(rgb[:, 1:] == 0.5)
    assert np.array_equal(features_to_rgb(features[:, ::-1].copy()), rgb)


def test_features_that_say_nothing_are_grey() -> None:
    assert np.all(features_to_rgb(np.ones((5, 7))) == 0.5)
    assert np.all(features_to_rgb(np.ones((1, 7))) == 0.5)
    with pytest.raises(ValueError, match="1 of 4 features are NaN"):
        features_to_rgb(np.array([[1.0, 2.0], [np.nan, 0.0]]))


def box_of_points() -> np.ndarray:
    """A box of 4 x 2 x 1 m: points on a grid of 5 cm, its floor, walls and ceiling."""
    axes = [np.arange(0, size + 1e-9, 0.05) for size in (4.0, 2.0, 1.0)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    on_wall = ((grid < 1e-6) | (grid > np.array([4.0, 2.0, 1.0]) - 1e-6)).any(axis=1)
    return grid[on_wall]


def test_three_sides_are_drawn_to_one_scale_without_what_is_nearest() -> None:
    coord = box_of_points()
    drawing = draw_cloud(coord, 600)
    height, width = drawing.point.shape
    assert width == pytest.approx(600, abs=20)
    # Above: 4 m by 2 m; under it 4 m by 1 m; beside that 2 m by 1 m; 6 m across and 3 m down.
    assert height / width == pytest.approx(3 / 6, abs=0.03)
    top = drawing.point[: height * 2 // 3 - 20, : width * 4 // 6 - 20]
    assert (top >= 0).all()
    assert coord[top[20:-20, 20:-20]][..., 2].max() == 0.0, "the ceiling is cut away and the floor shows"
    front = drawing.point[height * 2 // 3 + 40 : -20, 40 : width * 4 // 6 - 40]
    assert coord[front][..., 1].min() == 2.0, "the front wall is cut away and the back wall shows"
    right = drawing.point[height * 2 // 3 + 40 : -20, width * 4 // 6 + 40 : -20]
    assert coord[right][..., 0].max() == 0.0, "the right wall is cut away and the left wall shows"
    assert (drawing.point[:100, -100:] == -1).all(), "the corner beside the top view is empty"


def test_axes_point_right_and_up() -> None:
    coord = box_of_points()
    drawing = draw_cloud(coord, 600)
    height, width = drawing.point.shape
    seen = coord[drawing.point]
    top_left, top_right = seen[30, 30], seen[30, width * 4 // 6 - 60]
    assert top_left[0] < top_right[0]
    assert top_left[1] > seen[height // 2, 30][1]
    assert seen[height * 2 // 3 + 30, 100][2] > seen[height - 10, 100][2]
    assert seen[height - 10, width * 4 // 6 + 40][1] < seen[height - 10, width - 20][1]


def test_painting_gives_each_point_its_colour_and_leaves_the_rest_transparent() -> None:
    coord = box_of_points()
    drawing = draw_cloud(coord, 300)
    color = coord / coord.max(axis=0)
    picture = paint(drawing, color)
    shown = drawing.point >= 0
    assert np.array_equal(picture[..., 3] == 255, shown)
    assert np.array_equal(picture[shown][:, :3], np.round(255 * color[drawing.point[shown]]).astype(np.uint8))


@pytest.mark.parametrize(
    "coord",
    [
        np.zeros((0, 3)),
        np.full((4, 3), np.nan),
        np.zeros((1, 3)),
        np.ones((5, 3)) * np.arange(5)[:, None],
        np.array([[0.0, 0, 0], [1, 1, 1], [np.inf, 0, 0]]),
    ],
)
def test_odd_clouds_can_be_drawn(coord: np.ndarray) -> None:
    picture = paint(draw_cloud(coord, 200), np.full((len(coord), 3), 0.5))
    assert picture.shape[1] < 400
    assert picture.shape[0] < 1000
    assert bool(picture[..., 3].any()) == bool(np.isfinite(coord).all(axis=1).any())


def test_mistakes_are_red_and_points_without_label_are_grey() -> None:
    cloud = segmented_cloud(
        name="room",
        coord=np.zeros((4, 3)),
        color=np.zeros((4, 3)),
        truth=np.array([0, 1, -1, 1]),
        prediction=np.array([0, 2, 2, 1]),
        class_names=("wall", "floor", "chair", "lamp"),
    )
    mistakes = cloud.layers[3]
    assert mistakes.color.tolist() == [list(RIGHT), list(WRONG), list(UNLABELLED), list(RIGHT)]
    assert mistakes.caption == "Mistakes in red: 33.3 % of labelled points"
    assert [name for name, _ in cloud.legend] == ["wall", "floor", "chair", "no label"]


def test_features_are_a_layer() -> None:
    features = np.random.default_rng(0).normal(size=(20, 6))
    cloud = feature_cloud(name="room", coord=np.zeros((20, 3)), features=features)
    assert [layer.caption for layer in cloud.layers] == ["Encoder features"]
    assert np.array_equal(cloud.layers[0].color, features_to_rgb(features))
