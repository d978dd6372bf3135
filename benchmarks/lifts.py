"""What each lift from images to volumes costs: six cameras, feature maps of 100 x 56 cells, 180 x 180 x 5 voxels.

    python benchmarks/lifts.py            # times take turns; peaks of memory in a process of their own each

Forward and backward, 64 channels in and out, one scene, stride 16: six cameras around, as on a car. "kept plan" leaves
out the geometry, which may be kept while cameras stay where they are.
"""

import argparse
import math
import sys
from collections.abc import Callable

import torch
from measuring import median_times, peak_of, run_apart
from ponder_encoders.image.bevdepth import BevDepth
from ponder_encoders.image.bevformer import BevFormerLift, BevFormerLiftConfig
from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.lift import LiftedVolume
from ponder_encoders.image.lss import LiftSplat
from ponder_encoders.image.projection import ProjectionLift
from ponder_encoders.image.uvtr import UvtrLift
from ponder_encoders.image.voxel_grid import VoxelGrid

ROWS, COLUMNS, STRIDE, CHANNELS = 56, 100, 16, 64
GRID = VoxelGrid(lower=(-54.0, -54.0, -5.0), upper=(54.0, 54.0, 3.0), shape=(180, 180, 5))
LIFTS = (
    "ProjectionLift",
    "LiftSplat",
    "BevDepth",
    "UvtrLift",
    "BevFormerLift",
    "BevFormerLift, recompute=False",
)


def car() -> CameraBatch:
    """Six cameras of 1600 x 900 pixels, 1.5 m above ground (z = -1.8 m), looking around in steps of 60 degrees."""
    poses = torch.eye(4).repeat(6, 1, 1)
    for camera in range(6):
        angle = camera * math.pi / 3
        forward = torch.tensor([math.cos(angle), math.sin(angle), 0.0])
        right = torch.tensor([math.sin(angle), -math.cos(angle), 0.0])
        poses[camera, :3, :3] = torch.stack((right, torch.tensor([0.0, 0, -1]), forward), dim=1)
        poses[camera, :3, 3] = forward + torch.tensor([0.0, 0, -0.3])
    intrinsics = torch.tensor([[1266.0, 0, 799.5], [0, 1266, 449.5], [0, 0, 1]]).expand(1, 6, 3, 3)
    images = torch.zeros(1).expand(1, 6, 3, 900, 1600)
    return CameraBatch(images=images, intrinsics=intrinsics, camera_to_world=poses[None])


def problem(
    name: str,
) -> tuple[Callable[[], LiftedVolume], Callable[[], LiftedVolume] | None, torch.Tensor]:
    """The whole forward pass, the one with a kept plan (where there is something to plan), and the features."""
    torch.manual_seed(0)
    features = torch.randn(1, 6, CHANNELS, ROWS, COLUMNS, requires_grad=True)
    cameras = car()
    if name == "ProjectionLift":
        projection = ProjectionLift(grid=GRID, stride=STRIDE)
        return lambda: projection(features, cameras), None, features
    if name.startswith("BevFormerLift"):
        config = BevFormerLiftConfig(recompute="False" not in name)
        former = BevFormerLift(config, grid=GRID, stride=STRIDE)
        views = former.plan(cameras)
        return lambda: former(features, cameras), lambda: former.lift(features, views), features
    if name == "BevDepth":
        depth = BevDepth(grid=GRID, stride=STRIDE)
        points = depth.plan(cameras, ROWS, COLUMNS)
        return lambda: depth(features, cameras), lambda: depth.lift(features, cameras, points), features
    if name == "UvtrLift":
        sampler = UvtrLift(grid=GRID, stride=STRIDE)
        pairs = sampler.plan(cameras, ROWS, COLUMNS)
        return lambda: sampler(features, cameras), lambda: sampler.lift(features, pairs), features
    splatter = LiftSplat(grid=GRID, stride=STRIDE)
    found = splatter.plan(cameras, ROWS, COLUMNS)
    return lambda: splatter(features, cameras), lambda: splatter.lift(features, found), features


def training(forward: Callable[[], LiftedVolume]) -> Callable[[], object]:
    def step() -> object:
        forward().volume.sum().backward()
        return None

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=LIFTS, help="measure one lift")
    parser.add_argument("--peak", choices=LIFTS, help="print the peak memory of one lift, GB")
    arguments = parser.parse_args()
    if arguments.peak:
        forward, _, _ = problem(arguments.peak)
        print(peak_of(training(forward)))
        return
    names = (arguments.only,) if arguments.only else LIFTS
    steps: dict[str, Callable[[], object]] = {}
    for name in names:
        forward, kept, _ = problem(name)
        steps[f"{name}|all"] = training(forward)
        if kept is not None:
            steps[f"{name}|kept"] = training(kept)
        steps[f"{name}|forward"] = torch.no_grad()(forward)
    times = median_times(steps, arguments.rounds)
    print(f"{torch.get_num_threads()} threads, PyTorch {torch.__version__}, Python {sys.version.split()[0]}")
    print("| lift | forward, s | forward + backward, s | with kept plan, s | peak, GB |")
    for name in names:
        peak = float(run_apart("--peak", name))
        row = [times.get(f"{name}|{kind}") for kind in ("forward", "all", "kept")]
        print(f"| {name} | " + " | ".join("" if v is None else f"{v:.2f}" for v in (*row, peak)) + " |")


if __name__ == "__main__":
    main()
