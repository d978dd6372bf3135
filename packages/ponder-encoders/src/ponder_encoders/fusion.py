"""One volume from that of the LiDAR and that of the cameras, as UVTR's multi-modal detector does (Li et al. 2022)."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator
from torch import Tensor, nn


class VolumeFusionConfig(BaseModel):
    """How two volumes become one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: PositiveInt = Field(default=256, description="of the fused volume")
    kind: Literal["sum", "concat"] = Field(
        default="sum", description="sum, as UVTR does, or channels side by side"
    )
    blocks: NonNegativeInt = Field(default=1, description="3x3x3 convolutions after joining")
    groups: PositiveInt = Field(default=8, description="of the GroupNorms; must divide the channels")
    drop_lidar: float = Field(
        default=0.0, ge=0, le=1, description="share of the scenes of a training batch trained without LiDAR"
    )
    drop_camera: float = Field(default=0.0, ge=0, le=1, description="likewise without cameras")

    @model_validator(mode="after")
    def _check(self) -> "VolumeFusionConfig":
        if self.channels % self.groups:
            raise ValueError(
                f"{self.groups} groups do not divide {self.channels} channels: choose other groups or channels"
            )
        if self.drop_lidar + self.drop_camera > 1:
            raise ValueError(
                f"drop_lidar {self.drop_lidar} and drop_camera {self.drop_camera} add up to more than 1, but no scene "
                "can do without both"
            )
        return self


class VolumeFusion(nn.Module):
    """``blocks(join(P_lidar V_lidar, P_camera V_camera))`` over volumes of the same cells.

    ``P`` is a 1x1x1 convolution for each modality, ``join`` a sum (UVTR) or a concatenation, and each block a 3x3x3
    convolution, GroupNorm and ReLU. (UVTR has batch norms; GroupNorm is independent of the batch size, as in the
    dense network that renders the volume.)

    A scene may lack one modality: because no volume of it is given, or because training drops it. A learned vector,
    zero to begin with, then stands in every cell for what it would have said, so that the network can tell cells where
    a sensor saw nothing from a sensor that is not there. In training, each scene loses the LiDAR with probability
    ``drop_lidar``, else the cameras with ``drop_camera``, never both.

    Args:
        lidar_channels: of the LiDAR's volume.
        camera_channels: of the cameras' volume.
        config: sizes and shares.
        generator: source of the initial weights; PyTorch's default where not given.
    """

    def __init__(
        self,
        lidar_channels: int,
        camera_channels: int,
        config: VolumeFusionConfig | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        config = config if config is not None else VolumeFusionConfig()
        self.config = config
        self.lidar = Modality(lidar_channels, config.channels, generator)
        self.camera = Modality(camera_channels, config.channels, generator)
        joined = config.channels * (2 if config.kind == "concat" else 1)
        layers: list[nn.Module] = []
        if config.kind == "concat" and config.blocks == 0:
            layers.append(convolution(joined, config.channels, 1, generator))
        for index in range(config.blocks):
            inputs = joined if index == 0 else config.channels
            layers += [
                convolution(inputs, config.channels, 3, generator),
                nn.GroupNorm(config.groups, config.channels),
                nn.ReLU(inplace=True),
            ]
        self.blocks = nn.Sequential(*layers)

    @property
    def out_channels(self) -> int:
        """Channels of the fused volume."""
        return self.config.channels

    def forward(
        self,
        lidar: Float[Tensor, "batch lidar_channels x y z"] | None,
        camera: Float[Tensor, "batch camera_channels x y z"] | None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "batch channels x y z"]:
        """Fuse volumes over the same grid.

        Args:
            lidar, camera: ``None`` where a whole batch lacks that modality.
            generator: source of what training drops, on any device; PyTorch's default where not given.

        Raises:
            ValueError: neither volume is given, or they have different batches or cells.
        """
        given = lidar if lidar is not None else camera
        if given is None:
            raise ValueError(
                "a VolumeFusion needs the volume of the LiDAR, of the cameras, or both; got neither"
            )
        if lidar is not None and camera is not None:
            _check_same_cells(lidar, camera)
            keep_lidar, keep_camera = self._draw_kept(given, generator)
        else:
            keep_lidar = keep_camera = torch.ones(given.shape[0], dtype=torch.bool, device=given.device)
        of_lidar = self.lidar(lidar, keep_lidar, given)
        of_camera = self.camera(camera, keep_camera, given)
        if self.config.kind == "sum":
            return self.blocks(of_lidar + of_camera)
        return self.blocks(torch.cat((of_lidar, of_camera), dim=1))

    def _draw_kept(
        self, like: Tensor, generator: torch.Generator | None
    ) -> tuple[Bool[Tensor, " batch"], Bool[Tensor, " batch"]]:
        """Which scenes keep the LiDAR, and which the cameras."""
        lidar, camera = self.config.drop_lidar, self.config.drop_camera
        if not self.training or lidar + camera == 0:
            everything = torch.ones(like.shape[0], dtype=torch.bool, device=like.device)
            return everything, everything
        device = generator.device if generator is not None else like.device
        drawn = torch.rand(like.shape[0], generator=generator, device=device).to(like.device)
        return drawn >= lidar, (drawn < lidar) | (drawn >= lidar + camera)


class Modality(nn.Module):
    """Brings the volume of one sensor to the fused channels, or says that it is absent."""

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator | None) -> None:
        super().__init__()
        self.projection = convolution(inputs, outputs, 1, generator)
        self.absent = nn.Parameter(torch.zeros(outputs))

    def forward(
        self,
        volume: Float[Tensor, "batch inputs x y z"] | None,
        kept: Bool[Tensor, " batch"],
        like: Float[Tensor, "batch _ x y z"],
    ) -> Float[Tensor, "batch outputs x y z"]:
        """The projected volume; the learned vector in every cell of scenes that do not keep it."""
        absent = self.absent.view(-1, 1, 1, 1)
        if volume is None:
            return absent.to(like.dtype).expand(like.shape[0], -1, *like.shape[2:])
        projected = self.projection(volume)
        return torch.where(kept.view(-1, 1, 1, 1, 1), projected, absent.to(projected.dtype))


def convolution(inputs: int, outputs: int, size: int, generator: torch.Generator | None) -> nn.Conv3d:
    """A 3D convolution that keeps the cells, its weights normal with variance ``2 / inputs per output``."""
    layer = nn.Conv3d(inputs, outputs, size, padding=size // 2)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
    assert layer.bias is not None, "convolutions of a fusion have biases"
    nn.init.zeros_(layer.bias)
    return layer


def _check_same_cells(lidar: Tensor, camera: Tensor) -> None:
    cells = [(tensor.shape[0], *tensor.shape[2:]) for tensor in (lidar, camera)]
    if cells[0] != cells[1]:
        raise ValueError(
            f"both volumes need the same scenes and cells (batch, x, y, z), but the LiDAR's has {cells[0]} and the "
            f"cameras' {cells[1]}: build both over one grid"
        )
