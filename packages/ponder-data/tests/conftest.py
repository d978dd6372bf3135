"""Scenes whose every point comes from a known pixel."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from ponder_data import Boxes, Scene, View, back_project
from torch import Tensor

from .rgbd_room_folder import INTRINSICS, Folder

# The tensors of these tests are tiny: more threads only wait for each other, terribly so on a busy machine.
torch.set_num_threads(1)


Value = TypeVar("Value")


def known(value: Value | None) -> Value:
    """Return what a scene of these tests has, though other scenes may lack it."""
    assert value is not None
    return value


def random_rotation(generator: torch.Generator) -> Tensor:
    """Return a proper rotation, float64."""
    q, r = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    q = q * torch.sign(torch.diagonal(r))
    return q * torch.det(q)


def build_view(seed: int, height: int = 11, width: int = 14) -> View:
    """Return a posed view of random depth whose ``instance`` image numbers its pixels."""
    generator = torch.Generator().manual_seed(seed)
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = random_rotation(generator)
    pose[:3, 3] = torch.randn(3, generator=generator, dtype=torch.float64)
    number = torch.arange(height * width).reshape(height, width)
    return View(
        name=f"view {seed}",
        color=torch.rand(height, width, 3, generator=generator),
        depth=1.0 + 2.0 * torch.rand(height, width, generator=generator),
        intrinsics=torch.tensor([[15.0, 0.3, 6.1], [0.0, 16.0, 5.4], [0.0, 0.0, 1.0]]),
        camera_to_world=pose.float(),
        semantic=number % 5,
        instance=number,
    )


def build_scene(seed: int = 0, views: int = 3) -> Scene:
    """Return the scene of all pixels of some views, in order; ``instance`` is the pixel's number."""
    pictures = tuple(build_view(seed * 100 + i) for i in range(views))
    coord = torch.cat(
        [back_project(v.depth, v.intrinsics, v.camera_to_world).reshape(-1, 3) for v in pictures]
    )
    generator = torch.Generator().manual_seed(seed)
    normal = torch.nn.functional.normalize(torch.randn(coord.shape, generator=generator), dim=1)
    boxes = Boxes(
        center=torch.randn(4, 3, generator=generator),
        size=0.5 + torch.rand(4, 3, generator=generator),
        heading=(torch.rand(4, generator=generator) * 2 - 1) * math.pi,
        label=torch.arange(4),
        instance=torch.arange(4),
    )
    return Scene(
        name=f"scene {seed}",
        dataset="test",
        coord=coord,
        color=torch.cat([v.color.reshape(-1, 3) for v in pictures]),
        normal=normal,
        semantic=torch.cat([v.semantic.reshape(-1) for v in pictures if v.semantic is not None]),
        instance=torch.cat([v.instance.reshape(-1) for v in pictures if v.instance is not None]),
        boxes=boxes,
        views=pictures,
        held_out_views=(build_view(seed * 100 + 99),),
        class_names=("a", "b", "c", "d", "e"),
    )


@pytest.fixture
def make_scene() -> Callable[..., Scene]:
    return build_scene


@pytest.fixture
def make_view() -> Callable[..., View]:
    return build_view


@pytest.fixture
def scene() -> Scene:
    return build_scene()


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data, or skip the test."""
    beside = Path(__file__).resolve().parents[3].parent / "shared"
    path = Path(os.environ.get("PONDER_SHARED", beside)) / "data"
    if not path.is_dir():
        pytest.skip("the real data is not there: neither PONDER_SHARED nor shared/ beside the repository")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    np.savetxt(tmp_path / "camera-intrinsics.txt", INTRINSICS)
    return Folder(tmp_path, np.eye(4))
