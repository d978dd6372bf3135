"""What lies between a volume and the head that reads boxes off it: a few convolutions, so that cells know of others."""

from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator
from torch import Tensor, nn


class VolumeNeckConfig(BaseModel):
    """Sizes of a :class:`VolumeNeck`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    blocks: NonNegativeInt = Field(default=0, description="3x3x3 convolutions; 0: the volume stays as it is")
    channels: PositiveInt = Field(default=32, description="of what they return")
    groups: PositiveInt = Field(default=8, description="of the GroupNorms; must divide the channels")

    @model_validator(mode="after")
    def _groups_divide(self) -> "VolumeNeckConfig":
        if self.channels % self.groups:
            raise ValueError(
                f"{self.groups} groups do not divide {self.channels} channels: choose other groups or channels"
            )
        return self


class VolumeNeck(nn.Module):
    """``blocks`` times a 3x3x3 convolution, GroupNorm and ReLU, over the same cells.

    A query looks at a few places of the volume, and of a LiDAR's volume most cells are empty; after a convolution,
    those beside what was seen are not. The centre head has convolutions of its own and needs none.

    Args:
        inputs: channels of the volume.
        config: the sizes.
    """

    def __init__(self, inputs: int, config: VolumeNeckConfig) -> None:
        super().__init__()
        self.out_channels = config.channels if config.blocks else inputs
        layers: list[nn.Module] = []
        for index in range(config.blocks):
            channels = inputs if index == 0 else config.channels
            layers += [
                nn.Conv3d(channels, config.channels, 3, padding=1, bias=False),
                nn.GroupNorm(config.groups, config.channels),
                nn.ReLU(),
            ]
        self.blocks = nn.Sequential(*layers)

    def forward(self, volume: Float[Tensor, "batch inputs X Y Z"]) -> Float[Tensor, "batch channels X Y Z"]:
        """Return the volume, its cells knowing of those around them."""
        return self.blocks(volume)
