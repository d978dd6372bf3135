"""The model of detection in LiDAR sweeps alone: a VoxelNet, and a head that reads boxes off its volume."""

import torch
from jaxtyping import Float
from ponder_data import Scene
from ponder_encoders import VoxelNet, VoxelNetConfig
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_encoders.sparse.backend import choose_backend
from ponder_encoders.sparse.dense import densify
from ponder_render import Losses
from torch import Tensor, nn

from ponder_tasks.outdoor_detect.driving_boxes import Detections
from ponder_tasks.outdoor_detect.sweep_batch import SWEEP_CHANNELS, SweepBatch, pack_sweeps
from ponder_tasks.outdoor_detect.true_boxes import true_boxes
from ponder_tasks.outdoor_detect.volume_head import VolumeHead
from ponder_tasks.recipe import OutdoorDetectRecipe


class OutdoorDetectionModel(nn.Module):
    """Boxes of LiDAR sweeps: a VoxelNet's last layer as a volume, and a head on it.

    Raises:
        ValueError: when the encoder does not read intensity and time.
    """

    def __init__(self, recipe: OutdoorDetectRecipe) -> None:
        super().__init__()
        if recipe.encoder.in_channels != SWEEP_CHANNELS:
            raise ValueError(
                f"encoder.in_channels is {recipe.encoder.in_channels}, but sweeps have {SWEEP_CHANNELS}: intensity and "
                "time"
            )
        self.recipe = recipe
        self.encoder = VoxelNet(recipe.encoder)
        self.head = VolumeHead(lidar_grid(recipe.encoder), recipe.encoder.out_channels, recipe.head)
        if recipe.freeze_encoder:
            self.encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> "OutdoorDetectionModel":
        """Set the mode; a frozen encoder stays in evaluation mode, statistics included."""
        super().train(mode)
        if self.recipe.freeze_encoder:
            self.encoder.eval()
        return self

    def backend(self) -> str:
        """Return the name of the sparse convolution backend in use."""
        return choose_backend(self.recipe.encoder.backend, self.device).name

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.parameters()).device

    def forward(self, batch: SweepBatch, generator: torch.Generator | None, progress: float = 1.0) -> Losses:
        """Return the head's losses on the boxes of ``batch``.

        Raises:
            ValueError: when a scene of the batch does not know its boxes.
        """
        return self.head.losses(self.volume(batch), true_boxes(batch.boxes, batch.names))

    def detect_scene(self, scene: Scene) -> Detections:
        """Return the boxes believed in ``scene``."""
        return self.detect(pack_sweeps([scene]).to(self.device))[0]

    def detect(self, batch: SweepBatch) -> tuple[Detections, ...]:
        """Return the boxes believed in each scene of ``batch``."""
        return self.head.detect(self.volume(batch))

    def volume(self, batch: SweepBatch) -> Float[Tensor, "batch channels X Y Z"]:
        """Return the encoder's last layer laid out over ``head.grid``."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.recipe.freeze_encoder):
            features = self.encoder(batch.points())
        return densify(features.last, features.scenes)


def lidar_grid(config: VoxelNetConfig) -> VoxelGrid:
    """Return where the cells of a VoxelNet's last layer lie.

    Kernels of size 3 centre their outputs up to half an input cell beside these cells' centres, which a head learns.
    """
    return VoxelGrid(lower=config.grid.lower, upper=config.grid.upper, shape=config.out_shape)
