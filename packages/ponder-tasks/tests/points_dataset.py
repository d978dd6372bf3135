"""Scenes of random points seen by two cameras, some of them broken: a dataset that worker processes can import."""

import os
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from ponder_data import MaskingConfig, MixConfig, SampleConfig, Scene, Scenes, View
from ponder_tasks.batches import BatchSequence

SCENE_POINTS = 300


class BoxOfPoints:
    """Scenes of random points.

    Args:
        scenes: how many.
        name: of the dataset.
        broken: scenes that cannot be read.
        log: a file that gets a line for each scene that is read: its index and the process.
    """

    class_names = ("low", "high")

    def __init__(
        self,
        scenes: int = 5,
        name: str = "points",
        broken: tuple[int, ...] = (),
        log: Path | None = None,
    ) -> None:
        self.scenes = scenes
        self.name = name
        self.broken = broken
        self.log = log

    def __len__(self) -> int:
        return self.scenes

    def __getitem__(self, index: int) -> Scene:
        if self.log:
            with self.log.open("a") as file:
                file.write(f"{index} {os.getpid()}\n")
        if index in self.broken:
            raise ValueError(f"scan-{index}.ply is truncated")
        generator = torch.Generator().manual_seed(index)
        coord = torch.rand(SCENE_POINTS, 3, generator=generator)
        pose = torch.eye(4)
        pose[2, 3] = -2.0
        views = tuple(
            View(
                name=str(i),
                color=torch.rand(6, 8, 3, generator=generator),
                depth=torch.full((6, 8), 2.0),
                intrinsics=torch.tensor([[8.0, 0, 4], [0, 8, 3], [0, 0, 1]]),
                camera_to_world=pose,
            )
            for i in range(2)
        )
        return Scene(
            name=f"{self.name}-{index}",
            dataset=self.name,
            coord=coord,
            color=torch.rand(SCENE_POINTS, 3, generator=generator),
            normal=torch.nn.functional.normalize(torch.randn(SCENE_POINTS, 3, generator=generator), dim=1),
            semantic=(coord[:, 2] > 0.5).long(),
            views=views,
            class_names=self.class_names,
        )


def sequence_of(
    scenes: Scenes | None = None,
    *,
    batch_size: int = 2,
    steps: int = 8,
    seed: int = 3,
    mix: MixConfig | None = None,
    rank: int = 0,
    world_size: int = 1,
) -> BatchSequence:
    """Return batches with everything random in them: masks, augmentation, rays, or pairs in place of rays."""
    sample = SampleConfig(
        grid_size=0.1, masking=MaskingConfig(kind="random", ratio=0.5), views_per_scene=1, rays_per_view=5
    )
    return BatchSequence(
        BoxOfPoints() if scenes is None else scenes,
        sample,
        batch_size=batch_size,
        steps=steps,
        seed=seed,
        rays=mix is None,
        mix=mix,
        rank=rank,
        world_size=world_size,
    )


def assert_same(first: Any, second: Any) -> None:
    """Assert that two dataclasses hold the same numbers, bit for bit."""
    for field in fields(first):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if isinstance(a, torch.Tensor):
            assert a.dtype == b.dtype, field.name
            assert torch.equal(a, b), field.name
        elif is_dataclass(a):
            assert_same(a, b)
        else:
            assert a == b, field.name
