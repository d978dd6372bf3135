"""Folders of RGB-D frames of an empty room, for the tests to read and to break."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from ponder_data import RgbdSequence, RgbdSequenceConfig, Scene

WIDTH, HEIGHT = 64, 48
INTRINSICS = np.array([[60.0, 0.0, 31.5], [0.0, 60.0, 23.5], [0.0, 0.0, 1.0]])
# A box of a room, 4 x 3 x 2.5 m, that the cameras stand in; z is up.
LOW, HIGH = np.array([-2.0, -1.5, 0.0]), np.array([2.0, 1.5, 2.5])


def camera_pose(turn: float, pitch: float = 0.35) -> np.ndarray:
    """Return the pose of a camera in the room's middle that looks to ``turn`` and down by ``pitch``."""
    forward = np.array([np.cos(turn) * np.cos(pitch), np.sin(turn) * np.cos(pitch), -np.sin(pitch)])
    right = np.array([np.sin(turn), -np.cos(turn), 0.0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack((right, np.cross(forward, right), forward), axis=1)
    pose[:3, 3] = [0.1, -0.2, 1.3]
    return pose


def room_pictures(
    pose: np.ndarray, intrinsics: np.ndarray = INTRINSICS, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> tuple[np.ndarray, np.ndarray]:
    """Return colour (by place) and depth in millimetres of the empty room, ``size`` = (width, height)."""
    v, u = np.mgrid[: size[1], : size[0]]
    rays = np.stack((u, v, np.ones_like(u)), axis=-1) @ np.linalg.inv(intrinsics).T @ pose[:3, :3].T
    wall = np.where(rays > 0, HIGH, LOW) - pose[:3, 3]
    with np.errstate(divide="ignore"):
        z = np.min(np.where(rays == 0, np.inf, wall / rays), axis=-1)
    places = pose[:3, 3] + rays * z[..., None]
    return ((places - LOW) / (HIGH - LOW) * 255).round().astype(np.uint8), (z * 1000).round().astype(
        np.uint16
    )


@dataclass
class Folder:
    """A folder of frames that tests write and break."""

    path: Path
    world: np.ndarray

    def write(self, number: int, turn: float) -> None:
        pose = camera_pose(turn)
        color, depth = room_pictures(pose)
        stem = self.path / f"frame-{number:06d}"
        Image.fromarray(color).save(f"{stem}.color.png")
        Image.fromarray(depth).save(f"{stem}.depth.png")
        np.savetxt(f"{stem}.pose.txt", self.world @ pose)

    def write_many(self, frames: int) -> None:
        for number in range(frames):
            self.write(number, 0.3 * number)

    def file(self, number: int, kind: str) -> Path:
        return self.path / f"frame-{number:06d}.{kind}"

    def open(self, **settings: object) -> RgbdSequence:
        return RgbdSequence(RgbdSequenceConfig.model_validate({"path": self.path, **settings}))


def names(scene: Scene) -> tuple[list[int], list[int]]:
    """Return the frame numbers of views and held-out views."""
    return [int(view.name[-6:]) for view in scene.views], [
        int(view.name[-6:]) for view in scene.held_out_views
    ]
