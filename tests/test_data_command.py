"""From a folder of frames to training, by way of a cache, as a user goes."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from tiny import TINY_PRETRAIN, set_options

WIDTH, HEIGHT = 64, 48
INTRINSICS = np.array([[60.0, 0.0, 31.5], [0.0, 60.0, 23.5], [0.0, 0.0, 1.0]])
LOW, HIGH = np.array([-2.0, -1.5, 0.0]), np.array([2.0, 1.5, 2.5])


def write_frames(path: Path, frames: int) -> None:
    """Write frames of an empty room, coloured by place, from a camera that turns in its middle."""
    path.mkdir()
    np.savetxt(path / "camera-intrinsics.txt", INTRINSICS)
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    local = np.stack((u, v, np.ones_like(u)), axis=-1) @ np.linalg.inv(INTRINSICS).T
    for number in range(frames):
        turn, pitch = 0.25 * number, 0.35
        forward = np.array([np.cos(turn) * np.cos(pitch), np.sin(turn) * np.cos(pitch), -np.sin(pitch)])
        right = np.array([np.sin(turn), -np.cos(turn), 0.0])
        pose = np.eye(4)
        pose[:3, :3] = np.stack((right, np.cross(forward, right), forward), axis=1)
        pose[:3, 3] = [0.1, -0.2, 1.3]
        rays = local @ pose[:3, :3].T
        wall = np.where(rays > 0, HIGH, LOW) - pose[:3, 3]
        depth = np.min(wall / np.where(rays == 0, 1e-9, rays), axis=-1)
        color = (pose[:3, 3] + rays * depth[..., None] - LOW) / (HIGH - LOW)
        stem = path / f"frame-{number:06d}"
        Image.fromarray((255 * color).clip(0, 255).astype(np.uint8)).save(f"{stem}.color.png")
        Image.fromarray((1000 * depth).astype(np.uint16)).save(f"{stem}.depth.png")
        np.savetxt(f"{stem}.pose.txt", pose)


def test_frames_are_prepared_by_two_workers_and_learned_from(ponder, tmp_path):
    write_frames(tmp_path / "frames", 24)
    words = ("--frame-stride", "2", "--frames-per-scene", "6", "--workers", "2")
    done = ponder("data", "prepare", "frames", "-o", "cache", *words)
    assert done.returncode == 0, done.stderr
    assert "cache: 2 scenes" in done.stdout
    assert "splits: train, val" in done.stdout
    options = [word for word in TINY_PRETRAIN if not word.startswith(("train_data.", "val_data."))]
    learned = ponder("pretrain", "rgbd", "--steps", "2", "--data", "cache", *set_options(tuple(options)))
    assert learned.returncode == 0, learned.stderr
    summary = json.loads((tmp_path / "runs" / "rgbd-1" / "summary.json").read_text())
    assert {"psnr", "depth_error"} <= {measurement["name"] for measurement in summary["measurements"]}
    assert "kind: prepared" in (tmp_path / "runs" / "rgbd-1" / "recipe.yaml").read_text()
