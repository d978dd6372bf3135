import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ponder_data import SyntheticRooms, SyntheticRoomsConfig, prepare
from ponder_tasks.data.inspecting import inspect_folder, spread
from ponder_tasks.data.page import palette_of, summary_rows, write_inspection


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a cache of two rooms: a folder with all that a scene can have."""
    folder = tmp_path_factory.mktemp("rooms")
    rooms = SyntheticRooms(
        SyntheticRoomsConfig(scenes=2, views=2, held_out_views=1, image_width=48, image_height=36)
    )
    prepare(rooms, folder / "cache", root=folder / "nowhere", layout="rooms", settings="")
    return folder / "cache"


def test_the_figures_are_those_of_the_scenes(cache: Path) -> None:
    rooms = SyntheticRooms(
        SyntheticRoomsConfig(scenes=2, views=2, held_out_views=1, image_width=48, image_height=36)
    )
    scenes = [rooms[0], rooms[1]]
    summary = inspect_folder(cache).summary
    assert (summary.scenes, summary.read) == (2, 2)
    assert summary.points == sum(len(scene) for scene in scenes)
    assert (summary.views, summary.held_out_views) == (4, 2)
    assert summary.boxes == sum(len(scene.boxes) for scene in scenes if scene.boxes is not None)
    for label, one in enumerate(summary.classes):
        assert one.points == sum(int((s.semantic == label).sum()) for s in scenes if s.semantic is not None)
    height = next(one for one in summary.ranges if one.name == "extent in z")
    extents = [float(scene.coord[:, 2].max() - scene.coord[:, 2].min()) for scene in scenes]
    assert (height.low, height.high) == pytest.approx((min(extents), max(extents)))
    depth = next(one for one in summary.ranges if one.name == "depth of views")
    assert 0.0 < depth.low < depth.median < depth.high < 12.0
    assert summary.memory > sum(scene.coord.nbytes for scene in scenes) / 2


def test_the_page_needs_nothing_else_and_has_all_pictures(cache: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_inspection(page, inspect_folder(cache))
    html = page.read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:)', html)
    pictures = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", html)
    # Of each of two rooms: three colourings, the lines, and colour, depth and classes of 2 + 1 frames.
    assert len(pictures) == 2 * (3 + 1 + 3 * 3)
    for text in pictures:
        assert np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))).std() > 1.0
    assert "Generated picture of a synthetic scene" in html
    assert "held out" in html


def test_scenes_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    for name in ("a", "b"):
        generator = np.random.default_rng(0)
        np.savez(tmp_path / f"{name}.npz", coord=generator.random((50, 3)), color=generator.random((50, 3)))
    whole = (tmp_path / "b.npz").read_bytes()
    (tmp_path / "b.npz").write_bytes(whole[:100])
    inspection = inspect_folder(tmp_path)
    assert (inspection.summary.scenes, inspection.summary.read, len(inspection.faults)) == (2, 1, 1)
    write_inspection(tmp_path / "page.html", inspection)
    assert "1 scene(s) cannot be read" in (tmp_path / "page.html").read_text()
    assert ("Labelled points", "0 (0.0 %)") not in summary_rows(inspection.summary)
    (tmp_path / "a.npz").write_bytes(whole[:100])
    with pytest.raises(ValueError, match="none of its scenes can be read"):
        inspect_folder(tmp_path)
    with pytest.raises(ValueError, match="does not exist; create it first"):
        write_inspection(tmp_path / "no" / "page.html", inspection)


def test_what_is_read_is_spread_over_all() -> None:
    assert spread(10, 3) == [1, 5, 8]
    assert spread(2, 5) == [0, 1]


def test_known_label_sets_keep_their_colours() -> None:
    from ponder_data.labels import S3DIS

    palette = palette_of(S3DIS.names)
    assert palette is not None
    assert np.array_equal(np.round(255 * palette[0]), [0, 255, 0])
    assert palette_of(("a", "b")) is None
