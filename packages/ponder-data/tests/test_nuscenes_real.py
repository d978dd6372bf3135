"""The nuScenes readers on real files; skipped where there are none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ponder_data import (
    Boxes,
    LidarsegFolder,
    LidarsegFolderConfig,
    NuScenes,
    NuScenesConfig,
)


def test_a_real_keyframe(shared_data: Path) -> None:
    config = NuScenesConfig(path=shared_data / "nuscenes_mini", version="v1.0-mini", split="mini_train")
    data = NuScenes(config)
    assert len(data) == 1
    scene = data[0]
    assert [view.name for view in scene.views] == [camera.channel for camera in data.records[0].cameras]
    assert len(scene.views) == 6
    boxes = scene.boxes
    assert boxes is not None
    assert len(boxes) == 65
    assert boxes.num_points is not None
    # The sweep in this copy is thinned: boxes hold fewer points than the tables say, but follow them.
    inside = np.array([int(points_inside(scene.coord, boxes, i).sum()) for i in range(len(boxes))])
    counted = boxes.num_points.numpy()
    assert 0.25 < inside.sum() / counted.sum() < 0.75
    assert np.corrcoef(inside, counted)[0, 1] > 0.95
    # The ground is level and 1.84 m below the sensor.
    ground = scene.coord[(scene.coord[:, :2].norm(dim=1) < 10) & (scene.coord[:, 2] < -1.5)]
    assert abs(float(ground[:, 2].median()) + 1.84) < 0.15
    assert all(2000 < int((view.depth > 0).sum()) < 6000 for view in scene.views)


def points_inside(coord: torch.Tensor, boxes: Boxes, index: int) -> torch.Tensor:
    offset = coord - boxes.center[index]
    cosine, sine = boxes.heading[index].cos(), boxes.heading[index].sin()
    local = torch.stack(
        (
            offset[:, 0] * cosine + offset[:, 1] * sine,
            offset[:, 1] * cosine - offset[:, 0] * sine,
            offset[:, 2],
        ),
        1,
    )
    return (local.abs() <= boxes.size[index] / 2).all(dim=1)


def test_real_labelled_sweeps(shared_data: Path) -> None:
    data = LidarsegFolder(LidarsegFolderConfig(path=shared_data / "nuscenes_lidarseg"))
    assert len(data) == 20
    scene = data[0]
    assert scene.semantic is not None
    names = np.array(data.class_names)[scene.semantic.clamp(min=0)]
    height = {
        name: float(scene.coord[names == name, 2].median()) for name in ("driveable_surface", "manmade")
    }
    assert abs(height["driveable_surface"] + 1.8) < 0.3
    assert height["manmade"] > height["driveable_surface"] + 1
    split = LidarsegFolder(LidarsegFolderConfig(path=shared_data / "nuscenes_lidarseg", first=14, count=6))
    assert (len(split), split[0].name) == (6, "nuscenes_lidarseg/14")
    with pytest.raises(ValueError, match="holds 20 files .* sweeps 14 to 20 were asked for"):
        LidarsegFolder(LidarsegFolderConfig(path=shared_data / "nuscenes_lidarseg", first=14, count=7))
