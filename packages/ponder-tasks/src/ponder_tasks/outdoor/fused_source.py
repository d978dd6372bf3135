"""LiDAR and cameras together as a volume source, as UVTR's multi-modal detector joins them (Li et al. 2022)."""

import torch
from ponder_encoders.fusion import VolumeFusion, VolumeFusionConfig

from ponder_tasks.outdoor.batch import StreetBatch
from ponder_tasks.outdoor.camera_source import CameraSource
from ponder_tasks.outdoor.lidar_source import LidarSource
from ponder_tasks.outdoor.volume_source import CellFeatures, VolumeSource


class FusedSource(VolumeSource):
    """Both volumes over the same cells, brought to the same channels and added; masks and losses are the parts' own.

    Args:
        lidar: of the points.
        camera: of the pictures.
        config: how they are joined.
    """

    def __init__(self, lidar: LidarSource, camera: CameraSource, config: VolumeFusionConfig) -> None:
        super().__init__()
        self.lidar = lidar
        self.camera = camera
        self.fusion = VolumeFusion(lidar.out_channels, camera.out_channels, config)
        self.out_channels = self.fusion.out_channels

    def forward(self, batch: StreetBatch, generator: torch.Generator | None = None) -> CellFeatures:
        """Return the joined features, the sum of both counts, and the losses of both."""
        lidar, camera = self.lidar(batch, generator), self.camera(batch, generator)
        return CellFeatures(
            features=self.fusion(lidar.features, camera.features, generator),
            count=lidar.count + camera.count,
            terms=(*lidar.terms, *camera.terms),
        )

    def backend(self) -> str:
        """Return what computes each part."""
        return " and ".join(dict.fromkeys((self.lidar.backend(), self.camera.backend())))
