"""A head of either kind on any volume."""

from jaxtyping import Float
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_render import Losses
from torch import Tensor, nn

from ponder_tasks.outdoor_detect.center_decoding import center_detections
from ponder_tasks.outdoor_detect.center_head import CenterHead, CenterHeadConfig
from ponder_tasks.outdoor_detect.center_targets import center_losses, center_targets
from ponder_tasks.outdoor_detect.driving_boxes import Detections, DrivingBoxes
from ponder_tasks.outdoor_detect.query_head import QueryHead, QueryHeadConfig
from ponder_tasks.outdoor_detect.query_losses import query_detections, query_losses


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
