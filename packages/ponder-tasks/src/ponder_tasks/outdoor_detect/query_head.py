"""The query head: objects as queries that look around in the volume, layer by layer (UVTR; Li et al., NeurIPS 2022)."""

import math
from dataclasses import dataclass
from typing import Literal, cast

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt, model_validator
from torch import Tensor, nn

from ponder_tasks.outdoor_detect.box_code import CODE
from ponder_tasks.outdoor_detect.center_head import ATTRIBUTES, CLASSES
from ponder_tasks.outdoor_detect.volume_attention import VolumeAttention


class QueryHeadConfig(BaseModel):
    """Sizes of a :class:`QueryHead`, what matching and losses weigh, and how boxes are read off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["queries"] = "queries"
    queries: PositiveInt = Field(default=900, description="most boxes that can be found in a scene")
    channels: PositiveInt = Field(default=256, description="of queries and of the volume they look at")
    layers: PositiveInt = Field(default=3, description="of the decoder")
    heads: PositiveInt = Field(default=8, description="of attention; must divide the channels")
    places: PositiveInt = Field(default=4, description="where each head looks in the volume")
    feed_forward: PositiveInt = Field(default=512, description="channels inside a layer's two linear maps")
    dropout: float = Field(default=0.1, ge=0, lt=1)
    class_weight: NonNegativeFloat = Field(default=2.0, description="in matching and loss")
    box_weight: NonNegativeFloat = Field(default=0.25, description="in matching and loss")
    velocity_weight: NonNegativeFloat = Field(default=0.2, description="of velocities within the L1 loss")
    attribute_weight: NonNegativeFloat = 0.1
    boxes: PositiveInt = Field(default=300, le=500, description="at most, of each scene")

    @model_validator(mode="after")
    def _heads_divide(self) -> "QueryHeadConfig":
        if self.channels % self.heads:
            raise ValueError(
                f"{self.heads} heads do not divide {self.channels} channels: choose other heads or channels"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswers:
    """What each query says after each layer of the decoder.

    Attributes:
        score: logits of the classes.
        code: x, y and z in metres.
        attribute: logits.
    """

    score: Float[Tensor, "layers batch queries classes"]
    code: Float[Tensor, "layers batch queries 10"]
    attribute: Float[Tensor, "layers batch queries attributes"]


class DecoderLayer(nn.Module):
    """Queries attend to each other, then to the volume, then think for themselves; a norm after each."""

    def __init__(self, config: QueryHeadConfig) -> None:
        super().__init__()
        channels = config.channels
        self.among = nn.MultiheadAttention(channels, config.heads, dropout=config.dropout, batch_first=True)
        self.around = VolumeAttention(channels, heads=config.heads, places=config.places)
        self.alone = nn.Sequential(
            nn.Linear(channels, config.feed_forward),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.feed_forward, channels),
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        query: Float[Tensor, "batch queries channels"],
        position: Float[Tensor, "batch queries channels"],
        reference: Float[Tensor, "batch queries 3"],
        volume: Float[Tensor, "batch channels X Y Z"],
    ) -> Float[Tensor, "batch queries channels"]:
        """Return the queries, changed; ``position`` embeds where each stands, ``reference`` says it."""
        placed = query + position
        attended, _ = self.among(placed, placed, query, need_weights=False)
        query = self.norms[0](query + self.dropout(attended))
        seen = self.around(query + position, reference, volume)
        query = self.norms[1](query + self.dropout(seen))
        return self.norms[2](query + self.dropout(self.alone(query)))


class QueryHead(nn.Module):
    """Object queries with reference points in the volume, refined by each layer of a decoder.

    Reference points are learned; they begin spread evenly over the volume seen from above, at half its height. Each
    layer moves them by what it regresses; no gradient passes from one layer's reference to the layer before.

    Args:
        channels: of the volume.
        lower, upper: corners of the volume, metres.
        config: the sizes.
    """

    lower: Float[Tensor, "3"]
    extent: Float[Tensor, "3"]

    def __init__(
        self,
        channels: int,
        lower: tuple[float, float, float],
        upper: tuple[float, float, float],
        config: QueryHeadConfig,
    ) -> None:
        super().__init__()
        self.config = config
        width = config.channels
        self.project = nn.Conv3d(channels, width, 1)
        self.query = nn.Parameter(torch.randn(config.queries, width))
        self.reference = nn.Parameter(_spread(config.queries))
        self.position = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.score = nn.ModuleList(_branch(width, CLASSES) for _ in range(config.layers))
        self.numbers = nn.ModuleList(_branch(width, CODE + ATTRIBUTES) for _ in range(config.layers))
        for branch in self.score:
            # sigmoid(-4.6) = 0.01: nearly all queries are to find nothing.
            nn.init.constant_(cast(nn.Linear, cast(nn.Sequential, branch)[-1]).bias, -4.6)
        self.register_buffer("lower", torch.tensor(lower), persistent=False)
        self.register_buffer("extent", torch.tensor(upper) - torch.tensor(lower), persistent=False)

    def forward(self, volume: Float[Tensor, "batch channels X Y Z"]) -> QueryAnswers:
        """Return what the queries say of a volume between ``lower`` and ``upper``."""
        batch = volume.shape[0]
        volume = self.project(volume)
        query = self.query.expand(batch, -1, -1)
        reference = self.reference.sigmoid().expand(batch, -1, -1)
        scores, codes, attributes = [], [], []
        for layer, score, numbers in zip(self.layers, self.score, self.numbers, strict=True):
            query = layer(query, self.position(reference), reference, volume)
            said = numbers(query).float()
            moved = (said[..., :3] + torch.logit(reference.float(), eps=1e-5)).sigmoid()
            scores.append(score(query).float())
            codes.append(torch.cat((self.lower + moved * self.extent, said[..., 3:CODE]), dim=2))
            attributes.append(said[..., CODE:])
            reference = moved.detach()
        return QueryAnswers(
            score=torch.stack(scores), code=torch.stack(codes), attribute=torch.stack(attributes)
        )


def _branch(width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, outputs))


def _spread(queries: int) -> Float[Tensor, "queries 3"]:
    """Return logits of places spread evenly over the unit square, at half height."""
    side = math.ceil(math.sqrt(queries))
    axis = (torch.arange(side) + 0.5) / side
    places = torch.cartesian_prod(axis, axis)
    chosen = places[torch.linspace(0, len(places) - 1, queries).round().long()]
    return torch.logit(torch.cat((chosen, torch.full((queries, 1), 0.5)), dim=1))
