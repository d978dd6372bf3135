"""The LiDAR as a volume source: a sparse encoder, its features averaged in the box's cells (Eq. 2)."""

from typing import cast

import torch
import torch.nn.functional as F
from ponder_encoders import SparseUNet, SparseUNetConfig
from ponder_encoders.sparse.backend import choose_backend
from ponder_render import densify
from torch import Tensor

from ponder_tasks.bridges import encoder_points
from ponder_tasks.outdoor.batch import StreetBatch
from ponder_tasks.outdoor.box import BoxConfig
from ponder_tasks.outdoor.volume_source import CellFeatures, VolumeSource


class LidarSource(VolumeSource):
    """Encodes the points, on their fine grid, and averages them in the coarse cells; points outside are left out.

    Args:
        config: of the encoder, which is what is kept after pre-training.
        box: where the cells lie.
        shape: how many there are along x, y and z.
        normalise_points: bring each point's features to mean 0 and variance 1 before they are averaged.
    """

    def __init__(
        self,
        config: SparseUNetConfig,
        box: BoxConfig,
        shape: tuple[int, int, int],
        *,
        normalise_points: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = SparseUNet(config)
        self.out_channels = self.encoder.out_channels
        self.config = config
        self.box = box
        self.shape = shape
        self.normalise_points = normalise_points

    def point_features(self, batch: StreetBatch) -> Tensor:
        """Return the encoder's features of each point, float32."""
        return cast(Tensor, self.encoder(encoder_points(batch.points), batch.points.conditions)).float()

    def forward(self, batch: StreetBatch, generator: torch.Generator | None = None) -> CellFeatures:
        """Return the mean features of the points in each cell."""
        points = batch.points
        bounds = self.box.bounds(len(batch), points.coord)
        features = self.point_features(batch)
        if self.normalise_points:
            features = F.layer_norm(features, features.shape[1:])
        pooled = densify(features, points.coord, points.offsets, bounds, self.shape)
        return CellFeatures(features=pooled.features, count=pooled.count)

    def backend(self) -> str:
        """Return the name of the sparse convolution backend in use."""
        return choose_backend(self.config.backend, next(self.encoder.parameters()).device).name
