"""Writing clouds for other programs."""

from pathlib import Path

import numpy as np
import torch
import trimesh
from jaxtyping import Float
from torch import Tensor


def write_points_ply(path: Path, coord: Float[Tensor, "points 3"], color: Float[Tensor, "points 3"]) -> None:
    """Write a coloured cloud as a binary PLY file, which every mesh viewer opens.

    Args:
        path: the file; one that exists is replaced.
        coord: metres.
        color: in [0, 1], rounded to 8 bits.

    Raises:
        ValueError: when the two differ in length or the folder does not exist.
    """
    if coord.shape[0] != color.shape[0]:
        raise ValueError(
            f"{path}: {coord.shape[0]} points but {color.shape[0]} colours; give one colour per point"
        )
    if not path.parent.is_dir():
        raise ValueError(f"{path}: the folder {path.parent} does not exist; create it first")
    bytes_ = (color.detach().cpu().clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).numpy()
    opaque = np.concatenate([bytes_, np.full((len(bytes_), 1), 255, dtype=np.uint8)], axis=1)
    cloud = trimesh.PointCloud(coord.detach().cpu().numpy(), colors=opaque)
    data = cloud.export(file_type="ply")
    path.write_bytes(data if isinstance(data, bytes) else str(data).encode())
