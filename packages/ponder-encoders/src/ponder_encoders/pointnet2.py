"""PointNet++ (Qi et al. 2017) in the sizes of VoteNet (Qi et al. 2019): seeds with features, from packed points."""

from dataclasses import dataclass
from itertools import accumulate

import torch
from jaxtyping import Float, Int64
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator
from torch import Tensor, nn

from ponder_encoders.point_batch import scene_lengths
from ponder_encoders.position_batch import PositionBatch
from ponder_encoders.set_abstraction import (
    FeaturePropagation,
    PointLevel,
    SetAbstraction,
    interpolate_seeds,
)

Widths = tuple[PositiveInt, ...]


class PointNet2Config(BaseModel):
    """Sizes of a :class:`PointNet2`. The defaults are VoteNet's, whose seeds are the 1024 points of the second level.

    With as many feature propagations as set abstractions the seeds are the points themselves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_channels: NonNegativeInt = Field(default=3, description="channels of PositionBatch.features")
    seeds: Widths = Field(default=(2048, 1024, 512, 256), min_length=1, description="of each set abstraction")
    radii: tuple[PositiveFloat, ...] = Field(
        default=(0.2, 0.4, 0.8, 1.2), description="of each set abstraction's balls, in metres"
    )
    neighbours: Widths = Field(default=(64, 32, 16, 16), description="of each set abstraction's balls")
    abstraction_channels: tuple[Widths, ...] = Field(
        default=((64, 64, 128), (128, 128, 256), (128, 128, 256), (128, 128, 256)),
        description="layers of each set abstraction",
    )
    propagation_channels: tuple[Widths, ...] = Field(
        default=((256, 256), (256, 256)),
        description="layers of each feature propagation, from the coarsest level on",
    )
    distance_power: PositiveFloat = Field(
        default=2.0, description="of the weights in interpolation: 2 in PointNet++, 1 in VoteNet's code"
    )
    norm_momentum: float = Field(
        default=0.1, gt=0, le=1, description="share of each batch in the running statistics"
    )

    @model_validator(mode="after")
    def _check_levels(self) -> "PointNet2Config":
        levels = {
            name: len(getattr(self, name))
            for name in ("seeds", "radii", "neighbours", "abstraction_channels")
        }
        if len(set(levels.values())) > 1 or () in (*self.abstraction_channels, *self.propagation_channels):
            raise ValueError(
                f"every set abstraction needs seeds, a radius, neighbours and channels, but there are {levels}"
            )
        if len(self.propagation_channels) > len(self.seeds):
            raise ValueError(
                f"{len(self.propagation_channels)} feature propagations cannot undo {len(self.seeds)} set abstractions"
            )
        return self

    @classmethod
    def full(cls, in_channels: int = 3) -> "PointNet2Config":
        """VoteNet's sizes."""
        return cls(in_channels=in_channels)

    @classmethod
    def full_per_point(cls, in_channels: int = 3) -> "PointNet2Config":
        """VoteNet's sizes, with feature propagations of 256 channels all the way back to the points."""
        return cls(in_channels=in_channels, propagation_channels=((256, 256),) * 4)

    @classmethod
    def small(cls, in_channels: int = 3) -> "PointNet2Config":
        """A quarter of the seeds, half the channels."""
        return cls(
            in_channels=in_channels,
            seeds=(512, 256, 128, 64),
            neighbours=(32, 16, 16, 16),
            abstraction_channels=((32, 32, 64), (64, 64, 128), (64, 64, 128), (64, 64, 128)),
            propagation_channels=((128, 128), (128, 128)),
        )

    @classmethod
    def tiny(cls, in_channels: int = 3) -> "PointNet2Config":
        """Two levels, back to the points: for tests and first tries."""
        return cls(
            in_channels=in_channels,
            seeds=(32, 8),
            radii=(0.4, 0.8),
            neighbours=(8, 8),
            abstraction_channels=((16, 16), (24, 24)),
            propagation_channels=((24,), (24,)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """Points of each scene that carry features.

    Attributes:
        positions: in metres.
        features: of each seed.
        offsets: cumulative number of seeds.
        index: the rows of the batch's points that these seeds are.
    """

    positions: Float[Tensor, "seeds 3"]
    features: Float[Tensor, "seeds channels"]
    offsets: Int64[Tensor, " batch"]
    index: Int64[Tensor, " seeds"]


class PointNet2(nn.Module):
    """Set abstractions to ever fewer seeds, then feature propagation back to some of them, or to all points.

    Args:
        config: the sizes.
        generator: source of the initial weights; PyTorch's default where not given.
    """

    def __init__(
        self, config: PointNet2Config | None = None, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        config = config if config is not None else PointNet2Config()
        self.config = config
        channels = [config.in_channels]
        abstractions = []
        for level, widths in enumerate(config.abstraction_channels):
            abstractions.append(
                SetAbstraction(
                    channels[-1],
                    widths,
                    seeds=config.seeds[level],
                    radius=config.radii[level],
                    neighbours=config.neighbours[level],
                    momentum=config.norm_momentum,
                    generator=generator,
                )
            )
            channels.append(widths[-1])
        self.abstractions = nn.ModuleList(abstractions)
        coarse = channels.pop()
        propagations = []
        for widths in config.propagation_channels:
            propagations.append(
                FeaturePropagation(
                    coarse + channels.pop(),
                    widths,
                    power=config.distance_power,
                    momentum=config.norm_momentum,
                    generator=generator,
                )
            )
            coarse = widths[-1]
        self.propagations = nn.ModuleList(propagations)
        self._out_channels = coarse

    @property
    def out_channels(self) -> int:
        """Channels of each seed's feature."""
        return self._out_channels

    def forward(self, batch: PositionBatch) -> Seeds:
        """Encode a batch to its seeds.

        Args:
            batch: packed positions; a scene with fewer points than seeds asked for makes all of them seeds.

        Returns:
            Positions and features of the seeds. With as many propagations as abstractions these are the points of
            the batch in their order. Gradients reach positions, features and all parameters.

        Raises:
            ValueError: no points, the wrong number of channels, or offsets that do not fit.
        """
        level = self.encode(batch.positions, batch.features, self._check(batch))
        offsets = torch.tensor(list(accumulate(level.lengths)), device=batch.offsets.device)
        return Seeds(positions=level.positions, features=level.features, offsets=offsets, index=level.index)

    def encode_points(self, batch: PositionBatch) -> Float[Tensor, "points channels"]:
        """One feature for each point of the batch: the seeds' features, interpolated where a point is no seed.

        Raises:
            ValueError: as :meth:`forward`.
        """
        lengths = self._check(batch)
        level = self.encode(batch.positions, batch.features, lengths)
        if len(self.propagations) == len(self.abstractions):
            return level.features
        return interpolate_seeds(batch.positions, lengths, level, self.config.distance_power)

    def encode(
        self,
        positions: Float[Tensor, "points 3"],
        features: Float[Tensor, "points inputs"],
        lengths: tuple[int, ...],
    ) -> PointLevel:
        """The network itself, on scenes whose lengths are known as plain numbers; no shape depends on values."""
        index = torch.arange(positions.shape[0], device=positions.device)
        levels = [PointLevel(positions=positions, features=features, lengths=lengths, index=index)]
        for abstraction in self.abstractions:
            levels.append(abstraction(levels[-1]))
        coarser = levels.pop()
        for propagation in self.propagations:
            coarser = propagation(levels.pop(), coarser)
        return coarser

    def _check(self, batch: PositionBatch) -> tuple[int, ...]:
        points = batch.positions.shape[0]
        if batch.features.shape[1] != self.config.in_channels:
            raise ValueError(
                f"this PointNet2 reads {self.config.in_channels} channels, "
                f"but features have {batch.features.shape[1]}"
            )
        if points == 0:
            raise ValueError(
                f"the batch has no points (offsets {batch.offsets.tolist()}): drop empty batches before"
            )
        return scene_lengths(batch.offsets, points)
