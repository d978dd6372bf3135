"""What each encoder of points costs: parameters, billions of operations, points per second, memory.

    uv run python benchmarks/encoders.py [--threads 2] [--rounds 3] [--only sparse-unet]

SparseUNet reads a procedural room in cells of 2 cm, DGCNN and PointNet++ 4096 and 40 000 points of it, VoxelNet a
sweep of 32 beams among walls. Operations are multiplications and additions of a forward pass, counted by PyTorch in
its own backend (numba's kernels do not tell); times are of the backend that "auto" takes here, without gradients.
"""

import argparse
import math
from collections.abc import Callable
from typing import Any

import torch
from measuring import conditions, median_times, peak_of, restart_with_allocator, run_apart
from ponder_data import SyntheticRooms, SyntheticRoomsConfig, grid_sample, point_features
from ponder_encoders import PointBatch, PositionBatch, create_encoder, frozen, list_encoders
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

POINTS = {"dgcnn": 4096, "pointnet2": 40_000}
BEAMS, AZIMUTHS = 32, 1080


def room() -> tuple[Tensor, Tensor]:
    """Positions, and colours with normals, of one procedural room."""
    scene = SyntheticRooms(SyntheticRoomsConfig(scenes=1, views=12, held_out_views=0))[0]
    return scene.coord, point_features(scene.color, scene.normal)


def sweep() -> PositionBatch:
    """A level street seen from 1.8 m above: 32 beams from -30 to 10 degrees, walls 8 to 40 m away."""
    generator = torch.Generator().manual_seed(0)
    elevation = torch.deg2rad(torch.linspace(-30, 10, BEAMS))[:, None]
    azimuth = torch.linspace(0, 2 * math.pi, AZIMUTHS + 1)[:-1]
    walls = 8 + 32 * torch.rand(36, generator=generator).repeat_interleave(AZIMUTHS // 36)
    ground = 1.8 / (-elevation).clamp(min=1e-3).tan()
    reach = torch.minimum(walls.expand(BEAMS, -1), ground.expand(-1, AZIMUTHS))
    x, y, z = reach * azimuth.cos(), reach * azimuth.sin(), reach * elevation.tan()
    positions = torch.stack([x, y, z], dim=-1).view(-1, 3)
    positions = positions + 0.02 * torch.randn(positions.shape, generator=generator)
    features = torch.rand(len(positions), 2, generator=generator)
    return PositionBatch(positions=positions, features=features, offsets=torch.tensor([len(positions)]))


def make_input(name: str) -> PointBatch | PositionBatch:
    if name == "voxelnet":
        return sweep()
    coord, features = room()
    if name == "sparse-unet":
        cells = grid_sample(coord, 0.02)
        return PointBatch(
            grid_coord=cells.grid_coord,
            features=features[cells.index],
            offsets=torch.tensor([len(cells.index)]),
        )
    chosen = torch.randperm(len(coord), generator=torch.Generator().manual_seed(0))[: POINTS[name]]
    return PositionBatch(
        positions=coord[chosen], features=features[chosen, :3], offsets=torch.tensor([len(chosen)])
    )


def make_encoder(name: str, size: str, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    return create_encoder(name, size=size, **settings)


def forward(encoder: nn.Module, batch: PointBatch | PositionBatch) -> Callable[[], object]:
    def step() -> object:
        with frozen(encoder) as network:
            return network(batch)

    return step


def operations(name: str, size: str, batch: PointBatch | PositionBatch) -> float:
    """Of one forward pass, billions."""
    settings = {"backend": "torch"} if name in ("sparse-unet", "voxelnet") else {}
    counter = FlopCounterMode(display=False)
    with counter:
        forward(make_encoder(name, size, **settings), batch)()
    return counter.get_total_flops() / 1e9


def points(batch: PointBatch | PositionBatch) -> int:
    return batch.features.shape[0]


def row(name: str, size: str, rounds: int, threads: int) -> str:
    batch, encoder = make_input(name), make_encoder(name, size)
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    seconds = median_times({"forward": forward(encoder, batch)}, rounds)["forward"]
    peak = float(run_apart("--peak", name, size, "--threads", str(threads)))
    return (
        f"| {name} | {size} | {parameters / 1e6:.2f} | {points(batch)} | {operations(name, size, batch):.1f} | "
        f"{seconds:.2f} | {points(batch) / seconds / 1e3:.1f} | {peak:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", help="name of one encoder")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.peak:
        restart_with_allocator()
    torch.set_num_threads(arguments.threads)
    if arguments.peak:
        name, size = arguments.peak
        print(peak_of(forward(make_encoder(name, size), make_input(name))))
        return
    print(", ".join(f"{name} {value}" for name, value in conditions().items()) + ".\n")
    print("| encoder | size | parameters, M | points | GFLOP | s | thousand points/s | peak GB |")
    print("|---|---|---|---|---|---|---|---|")
    for info in list_encoders():
        for size in info.sizes if arguments.only in (None, info.name) else ():
            print(row(info.name, size, arguments.rounds, arguments.threads), flush=True)


if __name__ == "__main__":
    main()
