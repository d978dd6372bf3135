"""The model of detection outdoors: a feature volume, and a head that reads boxes off it."""

import torch
from jaxtyping import Float
from ponder_encoders import VoxelNet, VoxelNetConfig
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_encoders.sparse.dense import densify
from ponder_render import Losses
from torch import Tensor, nn

from ponder_tasks.outdoor_detect.center_decoding import center_detections
from ponder_tasks.outdoor_detect.center_head import CenterHead, CenterHeadConfig
from ponder_tasks.outdoor_detect.center_targets import center_losses, center_targets
from ponder_tasks.outdoor_detect.driving_boxes import Detections, DrivingBoxes, boxes_of_scenes
from ponder_tasks.outdoor_detect.query_head import QueryHead, QueryHeadConfig
from ponder_tasks.outdoor_detect.query_losses import query_detections, query_losses
from ponder_tasks.outdoor_detect.sweep_batch import SWEEP_CHANNELS, SweepBatch
from ponder_tasks.recipe import OutdoorDetectRecipe


class VolumeHead(nn.Module):
    """A head of either kind on any volume: losses against true boxes, and detections.

    Args:
        grid: where the volume's cells lie.
        channels: of the volume.
        config: the kind of head and its sizes.
    """

    def __init__(self, grid: VoxelGrid, channels: int, config: CenterHeadConfig | QueryHeadConfig) -> None:
        super().__init__()
        self.grid = grid
        self.network: CenterHead | QueryHead
        if isinstance(config, CenterHeadConfig):
            self.network = CenterHead(channels, grid.shape[2], config)
        else:
            self.network = QueryHead(channels, grid.lower, grid.upper, config)

    def losses(
        self, volume: Float[Tensor, "batch channels X Y Z"], truth: tuple[DrivingBoxes, ...]
    ) -> Losses:
        """Return the losses of what is read off ``volume``; boxes that do not stand over the grid count nothing."""
        if isinstance(self.network, CenterHead):
            config = self.network.config
            return center_losses(self.network(volume), center_targets(truth, self.grid, config), config)
        return query_losses(self.network(volume), truth, self.grid, self.network.config)

    def detect(self, volume: Float[Tensor, "batch channels X Y Z"]) -> tuple[Detections, ...]:
        """Return the boxes believed in each scene."""
        if isinstance(self.network, CenterHead):
            return center_detections(self.network(volume), self.grid, self.network.config)
        return query_detections(self.network(volume), self.network.config)


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

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.parameters()).device

    def forward(self, batch: SweepBatch, generator: torch.Generator | None, progress: float = 1.0) -> Losses:
        """Return the head's losses on the boxes of ``batch``.

        Raises:
            ValueError: when a scene of the batch does not know its boxes.
        """
        if batch.boxes is None:
            raise ValueError(
                f"not all of the scenes {', '.join(batch.names)} have boxes, so detection cannot be learned from them; "
                "use annotated data, such as streets or nuscenes"
            )
        return self.head.losses(self.volume(batch), boxes_of_scenes(batch.boxes))

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
