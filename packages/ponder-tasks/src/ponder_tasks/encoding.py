"""Per-point features of any coloured scan, from a trained encoder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from ponder_data import Scene, read_scan
from ponder_encoders import SparseUNet
from torch import Tensor

from ponder_tasks.bridges import encoder_points
from ponder_tasks.devices import check_device
from ponder_tasks.encoder_source import check_channels, load_encoder
from ponder_tasks.whole_scene import whole_scene

SCAN_CHANNELS = 6
"""What is read of each point of a scan: colour and normal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What was encoded, and into what."""

    scan: Path
    output: Path
    points: int
    cells: int
    channels: int
    grid_size: float
    encoder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedScene:
    """One feature vector per point; points of one grid cell share theirs."""

    features: Float[Tensor, "points channels"]
    cells: int


@torch.no_grad()
def encode_scene(encoder: SparseUNet, scene: Scene, grid_size: float) -> EncodedScene:
    """Encode every point of ``scene`` on a grid of ``grid_size`` metres; the result lies on the CPU.

    Raises:
        ValueError: when the scene has fewer than two points or values that are not finite.
    """
    encoder.eval()
    device = next(encoder.parameters()).device
    whole = whole_scene(scene, grid_size)
    cell_features = encoder(encoder_points(whole.batch.to(device))).float().cpu()
    return EncodedScene(features=cell_features[whole.inverse], cells=cell_features.shape[0])


def encode_scan(
    scan: Path, encoder_source: Path, output: Path, *, condition: str | None = None, device: str = "cpu"
) -> Encoding:
    """Read a scan, encode it, write ``output`` (npz: ``coord``, ``color``, ``normal``, ``feature``; one row a point).

    ``condition`` chooses the norms of an encoder that has some for each of several datasets, and is for no other.

    Raises:
        ValueError: when the scan or the encoder cannot be read, ``output`` does not end in ``.npz``, or the condition
            is missing, unknown or not wanted.
    """
    if output.suffix != ".npz":
        raise ValueError(f"output {output} must end in .npz")
    if not output.parent.is_dir():
        raise ValueError(f"output folder {output.parent} is not there; make it first")
    check_device(device)
    scene = read_scan(scan)
    encoder, recipe = load_encoder(encoder_source, condition)
    check_channels(recipe.encoder, SCAN_CHANNELS, str(encoder_source))
    grid_size = recipe.sample.grid_size
    encoded = encode_scene(encoder.to(device), scene, grid_size)
    aside = output.with_name(f".{output.name}.partial.npz")
    np.savez_compressed(
        aside,
        coord=scene.coord.numpy(),
        color=scene.color.numpy(),
        normal=scene.normal.numpy(),
        feature=encoded.features.numpy(),
    )
    aside.replace(output)
    return Encoding(
        scan=scan,
        output=output,
        points=len(scene),
        cells=encoded.cells,
        channels=encoded.features.shape[1],
        grid_size=grid_size,
        encoder=recipe.name,
    )
