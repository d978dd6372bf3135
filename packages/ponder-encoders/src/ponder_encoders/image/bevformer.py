"""BEVFormer's lift (Li et al. 2022): learned queries, one for each pillar, gather what the cameras see of it.

Of its two attentions this is the spatial one; the temporal one, over the volumes of frames before, is not here: a lift
sees one moment. So pillars do not exchange anything; the 3D convolution after a lift does that.
"""

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator
from torch import Tensor, nn

from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.feature_cells import check_features
from ponder_encoders.image.lift import LiftedVolume
from ponder_encoders.image.pillar_views import PillarViews, find_pillars
from ponder_encoders.image.spatial_attention import SpatialCrossAttention
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_encoders.shared_mlp import linear


class BevFormerLiftConfig(BaseModel):
    """Sizes of a :class:`BevFormerLift`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_channels: PositiveInt = Field(default=64, description="channels of the images' features")
    out_channels: PositiveInt = Field(default=64, description="channels of the volume")
    channels: PositiveInt = Field(default=64, description="of the queries; a multiple of twice the heads")
    layers: PositiveInt = Field(default=3, description="of attention and feed-forward network")
    heads: PositiveInt = Field(default=8, description="of attention")
    heights: PositiveInt = Field(default=4, description="reference points of each pillar")
    points: PositiveInt = Field(
        default=2, description="places each head looks at around each reference point"
    )
    feedforward_channels: PositiveInt = Field(default=128, description="of the feed-forward networks")
    queries_per_chunk: PositiveInt = Field(default=4096, description="pillars worked on at a time")
    recompute: bool = Field(
        default=True, description="training samples images again instead of holding samples"
    )

    @model_validator(mode="after")
    def _check(self) -> "BevFormerLiftConfig":
        if self.channels % (2 * self.heads):
            raise ValueError(
                f"channels must be a multiple of twice the heads, not {self.channels} for {self.heads} heads"
            )
        return self


class BevFormerLayer(nn.Module):
    """Spatial cross-attention and a feed-forward network, each added to the queries and normalised."""

    def __init__(self, config: BevFormerLiftConfig, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        channels = config.channels
        self.attention = SpatialCrossAttention(
            config.in_channels,
            channels,
            heads=config.heads,
            heights=config.heights,
            points=config.points,
            queries_per_chunk=config.queries_per_chunk,
            recompute=config.recompute,
            generator=generator,
        )
        self.attention_norm = nn.LayerNorm(channels)
        self.feedforward = nn.Sequential(
            linear(channels, config.feedforward_channels, bias=True, generator=generator),
            nn.ReLU(),
            linear(config.feedforward_channels, channels, bias=True, generator=generator),
        )
        self.feedforward_norm = nn.LayerNorm(channels)

    def forward(
        self,
        query: Float[Tensor, "batch pillars channels"],
        position: Float[Tensor, "pillars channels"],
        features: Float[Tensor, "batch cameras inputs rows columns"],
        views: PillarViews,
    ) -> Float[Tensor, "batch pillars channels"]:
        """Refine the queries by what the cameras see; ``position`` decides where to look, and is not passed on."""
        query = self.attention_norm(query + self.attention(query + position, features, views))
        return self.feedforward_norm(query + self.feedforward(query))


class BevFormerLift(nn.Module):
    """Queries of pillars, refined layer by layer, and a linear layer from each to the features of all its cells.

    So the cells of a pillar share one query, but have features of their own. Cameras have no embeddings of their own:
    their order says nothing.

    Args:
        config: the sizes.
        grid: cells of the volume; each pillar along z has its learned query, so weights belong to one grid's x and y.
        stride: pixels of the image for each feature cell.
        generator: source of the initial weights; PyTorch's default where not given.
    """

    def __init__(
        self,
        config: BevFormerLiftConfig | None = None,
        *,
        grid: VoxelGrid,
        stride: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        config = config if config is not None else BevFormerLiftConfig()
        self.config, self.grid, self.stride = config, grid, stride
        x, y, z = grid.shape

        def table(rows: int, channels: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(rows, channels).normal_(generator=generator))

        self.queries = table(x * y, config.channels)
        self.along_x, self.along_y = table(x, config.channels // 2), table(y, config.channels // 2)
        self.layers = nn.ModuleList(BevFormerLayer(config, generator=generator) for _ in range(config.layers))
        self.to_cells = linear(config.channels, z * config.out_channels, bias=True, generator=generator)

    @property
    def out_channels(self) -> int:
        """Channels of the volume."""
        return self.config.out_channels

    def plan(self, cameras: CameraBatch) -> PillarViews:
        """Where pillars are seen: may be kept and given to :meth:`lift` again while cameras and poses stay."""
        return find_pillars(cameras, self.grid, heights=self.config.heights, stride=self.stride)

    def forward(
        self, features: Float[Tensor, "batch cameras channels rows columns"], cameras: CameraBatch
    ) -> LiftedVolume:
        """Lift features of images into the grid.

        Returns:
            The volume, zero in pillars that no camera sees. Gradients reach features and all parameters, not the
            cameras.

        Raises:
            ValueError: features that do not fit the images, the stride or the config.
        """
        check_features(features, cameras, self.config.in_channels, self.stride)
        return self.lift(features, self.plan(cameras))

    def lift(
        self, features: Float[Tensor, "batch cameras channels rows columns"], views: PillarViews
    ) -> LiftedVolume:
        """The learned part, over pillars already found; no shape depends on values."""
        x, y, z = self.grid.shape
        position = torch.cat(
            (
                self.along_x[:, None].expand(x, y, -1),
                self.along_y[None].expand(x, y, -1),
            ),
            dim=2,
        ).flatten(0, 1)
        query = self.queries.expand(features.shape[0], -1, -1)
        for layer in self.layers:
            query = layer(query, position, features, views)
        cells = self.to_cells(query) * views.seen[..., None]
        return LiftedVolume(volume=cells.unflatten(2, (z, -1)).unflatten(1, (x, y)).permute(0, 4, 1, 2, 3))
