"""Synthetic streets as nuScenes tables: our reader gets the same scenes back, and the devkit opens and evaluates."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from ponder_data import (
    NuScenes,
    NuScenesConfig,
    NuScenesTablesConfig,
    RecordingConfig,
    Scene,
    SyntheticStreets,
    SyntheticStreetsConfig,
    WrittenTables,
    write_nuscenes_tables,
)
from ponder_data.streets.lidar import LidarConfig

RECORDING = RecordingConfig(
    keyframes=2,
    sweeps_per_keyframe=2,
    image_width=64,
    image_height=36,
    lidar=LidarConfig(columns=360),
)
# A street of this seed has all ten classes of boxes near the vehicle: a missing class counts as a score of 0.
CONFIG = NuScenesTablesConfig(train=1, val=1, seed=3, version="v1.0-mini", recording=RECORDING)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> WrittenTables:
    return write_nuscenes_tables(CONFIG, tmp_path_factory.mktemp("nuscenes") / "streets")


@pytest.fixture(scope="module")
def original() -> Scene:
    """The second keyframe of the street for training, as it is made in memory."""
    values = {name: getattr(RECORDING, name) for name in RecordingConfig.model_fields}
    config = SyntheticStreetsConfig.model_validate({**values, "scenes": 1, "seed": 3, "sweeps": 3})
    return SyntheticStreets(config)[1]


@pytest.fixture(scope="module")
def read_back(written: WrittenTables) -> Scene:
    config = NuScenesConfig(
        path=written.path,
        version=written.version,
        split=written.splits[0],
        sweeps=3,
        image_width=None,
    )
    scenes = NuScenes(config)
    assert len(scenes) == 2
    return scenes[1]


@pytest.fixture(scope="module")
def devkit(written: WrittenTables) -> Any:
    pytest.importorskip(
        "nuscenes", reason="nuscenes-devkit is not installed: it comes with the extra nuscenes"
    )
    from nuscenes.nuscenes import NuScenes as Devkit

    return Devkit(written.version, str(written.path), verbose=False)


def test_our_reader_gets_the_same_points(original: Scene, read_back: Scene) -> None:
    assert torch.unique(original.time).tolist() == [0.0, 0.25, 0.5]
    torch.testing.assert_close(read_back.coord, original.coord, rtol=0, atol=1e-4)
    for name in ("semantic", "intensity", "ring", "time"):
        assert torch.equal(getattr(read_back, name), getattr(original, name)), name


def test_our_reader_gets_the_same_boxes(original: Scene, read_back: Scene) -> None:
    first, second = original.boxes, read_back.boxes
    assert first is not None
    assert second is not None
    assert len(first) > 20
    for name in ("center", "size"):
        torch.testing.assert_close(getattr(second, name), getattr(first, name), rtol=0, atol=1e-4)
    assert first.velocity is not None
    assert second.velocity is not None
    # Of what is boxed in one keyframe only, tables tell no velocity: it came within 75 m, or left, in between.
    known = second.velocity.isfinite().all(dim=1)
    assert bool((first.center[~known].norm(dim=1) > 60.0).all())
    assert float(known.float().mean()) > 0.9
    torch.testing.assert_close(second.velocity[known], first.velocity[known], rtol=0, atol=1e-4)
    torch.testing.assert_close(second.heading, first.heading, rtol=0, atol=1e-5)
    for name in ("label", "num_points", "attribute"):
        assert torch.equal(getattr(second, name), getattr(first, name)), name
    assert len(second.instance.unique()) == len(second)


def test_our_reader_gets_the_same_pictures_but_for_jpeg(original: Scene, read_back: Scene) -> None:
    for first, second in zip(original.views, read_back.views, strict=True):
        assert (first.name, first.source) == (second.name, second.source)
        torch.testing.assert_close(second.intrinsics, first.intrinsics, rtol=0, atol=1e-4)
        torch.testing.assert_close(second.camera_to_world, first.camera_to_world, rtol=0, atol=1e-5)
        assert float((second.color - first.color).abs().mean()) < 0.02
        assert torch.equal(second.depth > 0, first.depth > 0)


def results_of(devkit: Any, samples: list[str]) -> dict[str, Any]:
    """Return the ground truth of some samples in the format of detections."""
    from nuscenes.eval.detection.utils import category_to_detection_name

    names = {row["token"]: row["name"] for row in devkit.attribute}
    results: dict[str, list[dict[str, Any]]] = {}
    for sample in samples:
        results[sample] = []
        for token in devkit.get("sample", sample)["anns"]:
            row = devkit.get("sample_annotation", token)
            results[sample].append(
                {
                    "sample_token": sample,
                    "translation": row["translation"],
                    "size": row["size"],
                    "rotation": row["rotation"],
                    "velocity": devkit.box_velocity(token)[:2].tolist(),
                    "detection_name": category_to_detection_name(row["category_name"]),
                    "detection_score": 0.5,
                    "attribute_name": names[row["attribute_tokens"][0]] if row["attribute_tokens"] else "",
                    "num_pts": row["num_lidar_pts"],
                }
            )
    sources = ("use_camera", "use_lidar", "use_radar", "use_map", "use_external")
    return {"meta": dict.fromkeys(sources, False), "results": results}


def test_the_devkit_scores_the_ground_truth_as_perfect(devkit: Any, tmp_path: Path) -> None:
    from nuscenes.eval.detection.config import config_factory
    from nuscenes.eval.detection.evaluate import DetectionEval

    scene = next(scene for scene in devkit.scene if scene["name"] == "scene-0103")
    assert scene["description"] == "Synthetic street streets-val-3-00000 of Ponder"
    samples = [row["token"] for row in devkit.sample if row["scene_token"] == scene["token"]]
    results = results_of(devkit, samples)
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results))

    def evaluate() -> Any:
        config = config_factory("detection_cvpr_2019")
        judge = DetectionEval(devkit, config, str(file), "mini_val", str(tmp_path / "out"), verbose=False)
        return judge.evaluate()[0]

    perfect = evaluate()
    assert perfect.nd_score == pytest.approx(1.0, abs=1e-9)
    assert perfect.mean_ap == pytest.approx(1.0, abs=1e-9)
    # And it does measure: boxes a metre to the side, with the wrong attribute and no velocity, are worse.
    for box in (box for boxes in results["results"].values() for box in boxes):
        box.update(translation=[box["translation"][0] + 1.2, *box["translation"][1:]], velocity=[0.0, 0.0])
        if box["attribute_name"] == "vehicle.parked":
            box["attribute_name"] = "vehicle.moving"
    file.write_text(json.dumps(results))
    worse = evaluate()
    assert worse.tp_errors["trans_err"] == pytest.approx(1.2, abs=0.05)
    assert worse.tp_errors["vel_err"] > 0.1
    assert worse.tp_errors["attr_err"] > 0.05
    assert worse.nd_score < 0.7


def test_the_devkit_finds_every_file_and_the_vehicle_on_the_road(devkit: Any, written: WrittenTables) -> None:
    from nuscenes.utils.data_classes import LidarPointCloud

    assert len(devkit.sample_data) == written.sweeps + written.pictures == 2 * (3 + 2 * 6)
    for row in devkit.sample_data:
        file = Path(devkit.get_sample_data_path(row["token"]))
        if row["sensor_modality"] == "camera":
            with Image.open(file) as picture:
                assert picture.size == (row["width"], row["height"]) == (64, 36)
        else:
            assert LidarPointCloud.from_file(str(file)).points.shape[1] > 3_000
    for sample in devkit.sample:
        lidar = devkit.get("sample_data", sample["data"]["LIDAR_TOP"])
        labels = devkit.get("lidarseg", lidar["token"])["filename"]
        points = (written.path / lidar["filename"]).stat().st_size // 20
        assert (written.path / labels).stat().st_size == points
        cloud, times = LidarPointCloud.from_file_multisweep(
            devkit, sample, "LIDAR_TOP", "LIDAR_TOP", nsweeps=3
        )
        assert len(np.unique(times)) == (3 if sample["prev"] else 1)
        assert cloud.points.shape[1] == times.shape[1]
        mask = next(
            row["mask"]
            for row in devkit.map
            if devkit.get("scene", sample["scene_token"])["log_token"] in row["log_tokens"]
        )
        x, y, _ = devkit.get("ego_pose", lidar["ego_pose_token"])["translation"]
        assert mask.is_on_mask(x, y).all()
        assert not mask.is_on_mask(x, y + 60.0).any()


def test_boxes_and_pictures_of_a_keyframe_agree_in_the_devkit(devkit: Any, written: WrittenTables) -> None:
    """The lidarseg labels of points inside a box are the box's category."""
    from nuscenes.utils.data_classes import LidarPointCloud
    from nuscenes.utils.geometry_utils import points_in_box

    index = {row["name"]: row["index"] for row in devkit.category}
    lidar = devkit.sample[1]["data"]["LIDAR_TOP"]
    file, boxes, _ = devkit.get_sample_data(lidar)
    cloud = LidarPointCloud.from_file(file).points[:3]
    labels = np.fromfile(written.path / devkit.get("lidarseg", lidar)["filename"], dtype=np.uint8)
    right = total = 0
    for box in boxes:
        held = labels[points_in_box(box, cloud, wlh_factor=1.02)]
        right += int((held == index[box.name]).sum())
        total += len(held)
    assert total > 200
    # The others are of the ground that wheels and feet touch.
    assert right / total > 0.9


def test_visibility_is_written_in_four_levels(written: WrittenTables) -> None:
    rows = json.loads((written.path / written.version / "sample_annotation.json").read_text())
    levels = [row["visibility_token"] for row in rows]
    assert set(levels) == {"1", "2", "3", "4"}
    seen = [row for row in rows if row["visibility_token"] == "4"]
    hidden = [row for row in rows if row["visibility_token"] == "1"]
    assert np.mean([row["num_lidar_pts"] for row in seen]) > np.mean([row["num_lidar_pts"] for row in hidden])


def test_tables_are_written_in_a_new_folder_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("keep me")
    with pytest.raises(ValueError, match=r"full is not empty; give a folder that is new or empty"):
        write_nuscenes_tables(CONFIG, tmp_path / "full")

    def stop(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    tiny = RECORDING.model_copy(update={"keyframes": 1})
    with pytest.raises(KeyboardInterrupt):
        write_nuscenes_tables(CONFIG.model_copy(update={"recording": tiny}), tmp_path / "new", stop)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_the_splits_have_only_so_many_names(tmp_path: Path) -> None:
    config = NuScenesTablesConfig(train=9, val=0, version="v1.0-mini")
    with pytest.raises(
        ValueError, match=r"names for 8 streets for training and 2 for validation, but 9 and 0"
    ):
        write_nuscenes_tables(config, tmp_path / "new")
    with pytest.raises(ValueError, match="no street is asked for"):
        write_nuscenes_tables(NuScenesTablesConfig(train=0, val=0), tmp_path / "new")
