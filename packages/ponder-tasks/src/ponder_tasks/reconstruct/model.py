"""The model of reconstruction: point features, spread over a volume, read at any place by a decoder."""

import torch
from jaxtyping import Float, Int
from ponder_render import (
    Bounds,
    FeatureVolume,
    Losses,
    build_dense_net,
    densify,
    find_corners,
    interpolate,
    to_table,
)
from torch import Tensor, nn

from ponder_tasks.recipe import ReconstructRecipe
from ponder_tasks.reconstruct.batch import ReconstructionBatch
from ponder_tasks.reconstruct.decoder import FieldDecoder
from ponder_tasks.reconstruct.losses import distance_losses, occupancy_losses
from ponder_tasks.reconstruct.point_encoder import build_encoder, encode_cells


class ReconstructionModel(nn.Module):
    """Points in, a field over the unit cube out, in the manner of convolutional occupancy networks.

    Every point has the encoder's feature of its grid cell and its own place within its volume cell; a small network
    joins them, means are taken in each volume cell (Eq. 2), a dense U-Net spreads them (Eq. 3), and the decoder reads
    the volume trilinearly.
    """

    def __init__(self, recipe: ReconstructRecipe) -> None:
        super().__init__()
        config = recipe.network
        self.config = config
        self.encoder = build_encoder(recipe)
        self.frozen = recipe.freeze_encoder
        width = config.point_channels
        self.join = nn.Sequential(
            nn.Linear(self.encoder.out_channels + 3, width), nn.ReLU(), nn.Linear(width, width)
        )
        self.dense = build_dense_net(config.dense, width)
        self.decoder = FieldDecoder(config.decoder, config.dense.channels)
        if self.frozen:
            self.encoder.requires_grad_(False)

    @property
    def reach(self) -> float:
        """Half the side of the volume, whose middle is the origin."""
        return 0.5 * (1 + self.config.padding)

    def train(self, mode: bool = True) -> "ReconstructionModel":
        """Set the mode; a frozen encoder stays in evaluation mode, statistics included."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(
        self, batch: ReconstructionBatch, generator: torch.Generator | None, progress: float = 1.0
    ) -> Losses:
        """Return the loss of the decoder's values at the batch's places."""
        with torch.autocast(batch.points.device.type, enabled=False):
            volume = self.encode(batch)
            scenes, places = batch.inside.shape
            index = torch.arange(scenes, device=batch.points.device).repeat_interleave(places)
            value = self.decode(volume, batch.position.reshape(-1, 3), index).view(scenes, places)
        if self.config.output == "occupancy":
            return occupancy_losses(value, batch.inside)
        assert batch.signed_distance is not None, "batches for a signed distance carry it"
        return distance_losses(value, batch.signed_distance, self.config.truncation)

    def encode(self, batch: ReconstructionBatch) -> FeatureVolume:
        """Return the feature volumes of the batch's clouds."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features = encode_cells(self.encoder, batch.cells)
        side, cells = 2 * self.reach, self.config.volume_cells
        units = (batch.points + self.reach) * (cells / side)
        within = 2 * (units - units.floor()) - 1
        joined = self.join(torch.cat([features.index_select(0, batch.inverse), within], dim=1))
        corner = batch.points.new_full((len(batch.offsets), 3), self.reach)
        bounds = Bounds(lower=-corner, upper=corner)
        pooled = densify(joined, batch.points, batch.offsets, bounds, (cells, cells, cells))
        return FeatureVolume(
            table=to_table(self.dense(pooled.features)),
            shape=(cells, cells, cells),
            bounds=bounds,
            count=pooled.count,
        )

    def decode(
        self, volume: FeatureVolume, position: Float[Tensor, "places 3"], index: Int[Tensor, " places"]
    ) -> Float[Tensor, " places"]:
        """Return the decoder's value at places of volumes ``index``: log-odds of lying inside, or signed distance."""
        corners = find_corners(position, index, volume)
        return self.decoder(position, interpolate(volume.table, corners))

    def outside(self, value: Float[Tensor, " places"]) -> Float[Tensor, " places"]:
        """Return the value as something that is positive outside, zero on the surface, and negative inside."""
        return -value if self.config.output == "occupancy" else value
