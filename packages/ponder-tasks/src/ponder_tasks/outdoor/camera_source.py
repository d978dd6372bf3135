"""The cameras as a volume source: what the pictures say of each cell of the box."""

import torch
from jaxtyping import Int
from ponder_encoders.image.cameras import CameraBatch, project
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_render import LossTerm
from torch import Tensor

from ponder_tasks.outdoor.batch import StreetBatch
from ponder_tasks.outdoor.box import BoxConfig
from ponder_tasks.outdoor.camera_volume import CameraVolume, CameraVolumeConfig
from ponder_tasks.outdoor.volume_source import CellFeatures, VolumeSource


class CameraSource(VolumeSource):
    """Encodes the pictures, masked in training, and lifts their features into the cells.

    A cell counts the cameras that see its centre. In training, a lift that is taught by depth adds its loss.

    Args:
        config: of the image network and the lift.
        box: where the cells lie.
        shape: how many there are along x, y and z.

    Raises:
        ImportError: timm is not installed.
        ValueError: the image network is unknown, or its weights cannot be had.
    """

    def __init__(self, config: CameraVolumeConfig, box: BoxConfig, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.config = config
        self.grid = VoxelGrid(lower=box.lower, upper=box.upper, shape=shape)
        self.volume = CameraVolume(config, self.grid)
        self.out_channels = self.volume.out_channels

    def forward(self, batch: StreetBatch, generator: torch.Generator | None = None) -> CellFeatures:
        """Return the lifted features of all cells, and the loss of depth where there is one."""
        assert batch.pictures is not None, "whoever encodes cameras prepares their pictures"
        found = self.volume(batch.pictures, generator)
        terms: tuple[LossTerm, ...] = ()
        if found.depth_loss is not None:
            terms = (LossTerm(name="camera_depth", value=found.depth_loss, weight=self.config.depth_weight),)
        count = cameras_of_cells(batch.pictures.cameras(), self.grid)
        return CellFeatures(features=found.volume, count=count, terms=terms)

    def backend(self) -> str:
        """Return what computes convolutions of pictures: always PyTorch."""
        return "torch"


@torch.no_grad()
def cameras_of_cells(cameras: CameraBatch, grid: VoxelGrid) -> Int[Tensor, "batch x y z"]:
    """Count the cameras that see the centre of each cell."""
    centers = grid.centers(cameras.images.device)
    seen = project(centers.expand(len(cameras.images), -1, -1), cameras).seen
    return seen.sum(dim=1).unflatten(-1, grid.shape)
