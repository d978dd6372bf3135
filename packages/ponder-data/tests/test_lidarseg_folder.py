from pathlib import Path

import numpy as np
import pytest
from ponder_data import NUSCENES_CLASSES, LidarsegFolder, LidarsegFolderConfig


def test_sweeps_and_labels_are_read_together(tmp_path: Path) -> None:
    rows = np.array([[5, 1, -1, 51, 3], [0.2, 0.3, 0, 9, 1], [2, 8, 1, 255, 31]], dtype=np.float32)
    rows.tofile(tmp_path / "b.pcd.bin")
    np.array([24, 31, 2], dtype=np.uint8).tofile(tmp_path / "b_lidarseg.bin")
    data = LidarsegFolder(LidarsegFolderConfig(path=tmp_path))
    scene = data[0]
    assert scene.coord.tolist() == [[5, 1, -1], [2, 8, 1]]
    assert scene.semantic is not None
    assert [NUSCENES_CLASSES[i] for i in scene.semantic] == ["driveable_surface", "pedestrian"]
    assert scene.boxes is None
    assert scene.views == ()
    (tmp_path / "b_lidarseg.bin").unlink()
    with pytest.raises(ValueError, match=r"b.pcd.bin: has no labels; expected b_lidarseg.bin"):
        LidarsegFolder(LidarsegFolderConfig(path=tmp_path))


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds 0 files \*.pcd.bin"):
        LidarsegFolder(LidarsegFolderConfig(path=tmp_path))
    with pytest.raises(ValueError, match="path is not set"):
        LidarsegFolder(LidarsegFolderConfig())
