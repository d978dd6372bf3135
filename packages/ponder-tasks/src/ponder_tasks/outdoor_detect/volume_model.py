"""The model of detection in the volume of pre-training: its source, and a head that reads boxes off it."""

import torch
from jaxtyping import Float
from ponder_data import Scene
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_render import Losses
from torch import Tensor, nn

from ponder_tasks.outdoor.batch import StreetBatch
from ponder_tasks.outdoor.batches import whole_street
from ponder_tasks.outdoor.sources import build_source
from ponder_tasks.outdoor.volume_source import CellFeatures
from ponder_tasks.outdoor_detect.driving_boxes import Detections
from ponder_tasks.outdoor_detect.true_boxes import true_boxes
from ponder_tasks.outdoor_detect.volume_head import VolumeHead
from ponder_tasks.outdoor_detect.volume_neck import VolumeNeck
from ponder_tasks.recipe import VolumeDetectRecipe


class VolumeDetectionModel(nn.Module):
    """Boxes read off the volume of LiDAR, cameras or both (UVTR's L, C and M).

    The source is that of pre-training; its renderer is gone, and a head has its place. The centre head looks at the
    volume from above, with the heights as channels; the query head looks around in the volume itself.

    Raises:
        ImportError: cameras are encoded, but timm is not installed.
        ValueError: the image network is unknown, or its weights cannot be had.
    """

    def __init__(self, recipe: VolumeDetectRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.source = build_source(recipe, recipe.volume_shape)
        self.neck = VolumeNeck(self.source.out_channels, recipe.neck)
        grid = VoxelGrid(lower=recipe.box.lower, upper=recipe.box.upper, shape=recipe.volume_shape)
        self.head = VolumeHead(grid, self.neck.out_channels, recipe.head)
        if recipe.freeze_encoder:
            self.source.requires_grad_(False)

    @property
    def encoder(self) -> nn.Module:
        """What learns at ``optimizer.encoder_factor`` times the rates of the head."""
        return self.source

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.parameters()).device

    def backend(self) -> str:
        """Return what computes the volume source."""
        return self.source.backend()

    def train(self, mode: bool = True) -> "VolumeDetectionModel":
        """Set the mode; a frozen source stays in evaluation mode, statistics included."""
        super().train(mode)
        if self.recipe.freeze_encoder:
            self.source.eval()
        return self

    def forward(self, batch: StreetBatch, generator: torch.Generator | None, progress: float = 1.0) -> Losses:
        """Return the head's losses on the boxes of ``batch``, and those of the source itself.

        Raises:
            ValueError: when a scene of the batch does not know its boxes.
        """
        truth = true_boxes(batch.points.boxes, batch.points.names)
        cells = self._cells(batch, generator)
        return Losses(terms=(*self.head.losses(self._volume(cells), truth).terms, *cells.terms))

    def detect_scene(self, scene: Scene) -> Detections:
        """Return the boxes believed in ``scene``."""
        batch = whole_street(scene, self.recipe).to(self.device)
        return self.head.detect(self._volume(self._cells(batch, None)))[0]

    def _cells(self, batch: StreetBatch, generator: torch.Generator | None) -> CellFeatures:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.recipe.freeze_encoder):
            return self.source(batch, generator)

    def _volume(self, cells: CellFeatures) -> Float[Tensor, "batch channels X Y Z"]:
        return self.neck(cells.features.float())
