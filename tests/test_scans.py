"""Pre-training on a folder of scans without pictures."""

import json
from pathlib import Path

import numpy as np
from tiny import TINY_PRETRAIN, set_options


def write_room(path: Path, seed: int) -> None:
    """Write points on the floor and walls of a room, coloured by place."""
    generator, size = np.random.default_rng(seed), np.array([4.0, 3.0, 2.5])
    coord = generator.random((3000, 3)) * size
    side, rows = generator.integers(0, 5, 3000), np.arange(3000)
    coord[rows, side // 2] = np.where(side % 2 == 0, 0.0, size[side // 2])
    np.savez(path, coord=coord.astype(np.float32), color=(coord / size).astype(np.float32))


def test_a_folder_of_scans_is_learned_from_and_the_report_says_whence_its_views_are(ponder, tmp_path):
    (tmp_path / "scans").mkdir()
    for seed in range(3):
        write_room(tmp_path / "scans" / f"{'abc'[seed]}.npz", seed)
    options = [
        word for word in TINY_PRETRAIN if not word.startswith(("train_data.scenes", "val_data.scenes"))
    ]
    options += ["train_data.val_every=3", "val_data.val_every=3"]
    done = ponder("pretrain", "scans", "--steps", "2", "--data", "scans", *set_options(tuple(options)))
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "runs" / "scans-1" / "summary.json").read_text())
    assert {"psnr", "depth_error"} <= {m["name"] for m in summary["measurements"]}
    page = (tmp_path / "runs" / "scans-1" / "report.html").read_text()
    assert "Seen by a virtual camera in a real scan" in page
    assert "no photographs" in page
    assert ">real<" not in page


def test_scans_need_a_folder(ponder):
    done = ponder("pretrain", "scans", "--steps", "2")
    assert done.returncode != 0
    assert "--data FOLDER" in done.stderr + done.stdout
