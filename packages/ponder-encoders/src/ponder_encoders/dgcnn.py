"""DGCNN (Wang et al. 2019): edge convolutions over a graph that is built anew from each layer's features."""

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from ponder_encoders.edge_conv import EdgeConv, leaky_relu
from ponder_encoders.neighbours import nearest_neighbours
from ponder_encoders.point_batch import scene_lengths
from ponder_encoders.position_batch import PositionBatch
from ponder_encoders.shared_mlp import SharedMlp


class DgcnnConfig(BaseModel):
    """Sizes of a :class:`Dgcnn`. The defaults are the published network for one label a point."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_channels: NonNegativeInt = Field(default=3, description="channels of PositionBatch.features")
    neighbours: PositiveInt = Field(default=20, description="k of the graph; a point is its own first one")
    edge_channels: tuple[tuple[PositiveInt, ...], ...] = Field(
        default=((64, 64), (64, 64), (64,)),
        min_length=1,
        description="layers of each edge convolution",
    )
    fused_channels: PositiveInt = Field(
        default=1024, description="of the feature that describes a whole scene"
    )
    head_channels: tuple[PositiveInt, ...] = Field(
        default=(512, 256),
        description="layers over each point's edge features and its scene's; none: both as they are",
    )
    norm_momentum: float = Field(
        default=0.1, gt=0, le=1, description="share of each batch in the running statistics"
    )
    recompute: bool = Field(
        default=False, description="hold no edges in training but compute them again; see EdgeConv"
    )
    points_per_chunk: PositiveInt = Field(
        default=2048, description="points whose edges are worked on at a time"
    )

    @classmethod
    def full(cls, in_channels: int = 3) -> "DgcnnConfig":
        """The published sizes."""
        return cls(in_channels=in_channels)

    @classmethod
    def small(cls, in_channels: int = 3) -> "DgcnnConfig":
        """Half as wide, 12 neighbours."""
        return cls(
            in_channels=in_channels,
            neighbours=12,
            edge_channels=((32, 32), (32, 32), (32,)),
            fused_channels=256,
            head_channels=(128, 96),
        )

    @classmethod
    def tiny(cls, in_channels: int = 3) -> "DgcnnConfig":
        """Two narrow edge convolutions: for tests and first tries."""
        return cls(
            in_channels=in_channels,
            neighbours=8,
            edge_channels=((16,), (16,)),
            fused_channels=32,
            head_channels=(32,),
        )


class Dgcnn(nn.Module):
    """Dynamic graph CNN over packed scenes: one feature for each point.

    The first graph joins points near each other in space, each later one points with similar features. The edge
    features of all layers are fused into one feature of the scene (the maximum over its points), which every point
    receives beside its own. Positions are read as they are, so scenes should be centred first.

    Args:
        config: the sizes.
        generator: source of the initial weights; PyTorch's default where not given.
    """

    def __init__(
        self, config: DgcnnConfig | None = None, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        config = config if config is not None else DgcnnConfig()
        self.config = config
        inputs, convolutions = 3 + config.in_channels, []
        for widths in config.edge_channels:
            convolutions.append(
                EdgeConv(
                    inputs,
                    widths,
                    momentum=config.norm_momentum,
                    recompute=config.recompute,
                    points_per_chunk=config.points_per_chunk,
                    generator=generator,
                )
            )
            inputs = widths[-1]
        self.edge_convolutions = nn.ModuleList(convolutions)
        joined = sum(widths[-1] for widths in config.edge_channels)
        mlp = {"activation": leaky_relu, "momentum": config.norm_momentum, "generator": generator}
        self.fuse = SharedMlp(joined, (config.fused_channels,), **mlp)
        self.head = SharedMlp(joined + config.fused_channels, config.head_channels, **mlp)

    @property
    def out_channels(self) -> int:
        """Channels of each point's feature."""
        return self.head.outputs

    def forward(self, batch: PositionBatch) -> Float[Tensor, "points channels"]:
        """Encode every point.

        Args:
            batch: packed positions; scenes may differ in size, and have fewer points than neighbours.

        Returns:
            ``out_channels`` features for each point, in the order of the batch's rows. Gradients reach the batch's
            positions, features and all parameters, though not through the choice of neighbours.

        Raises:
            ValueError: no points, the wrong number of channels, or offsets that do not fit.
        """
        points = batch.positions.shape[0]
        if batch.features.shape[1] != self.config.in_channels:
            raise ValueError(
                f"this Dgcnn reads {self.config.in_channels} channels, "
                f"but features have {batch.features.shape[1]}"
            )
        if points == 0:
            raise ValueError(
                f"the batch has no points (offsets {batch.offsets.tolist()}): drop empty batches before"
            )
        return self.encode(batch.positions, batch.features, scene_lengths(batch.offsets, points))

    def encode(
        self,
        positions: Float[Tensor, "points 3"],
        features: Float[Tensor, "points inputs"],
        lengths: tuple[int, ...],
    ) -> Float[Tensor, "points channels"]:
        """The network itself, on scenes whose lengths are known as plain numbers; no shape depends on values."""
        graph_space, rows = positions, torch.cat([positions, features], dim=1)
        edges = []
        for convolution in self.edge_convolutions:
            graph = nearest_neighbours(
                graph_space,
                graph_space,
                self.config.neighbours,
                query_lengths=lengths,
                point_lengths=lengths,
            )
            rows = graph_space = convolution(rows, graph.index)
            edges.append(rows)
        joined = torch.cat(edges, dim=1)
        of_scenes = [
            scene.amax(dim=0, keepdim=True).expand(len(scene), -1)
            for scene in self.fuse(joined).split(lengths)
            if len(scene)
        ]
        return self.head(torch.cat([joined, torch.cat(of_scenes)], dim=1))
