"""The neural field: what a point of the volume looks like (Eq. 4, 5, 9).

The SDF is in metres, positive in free space. Its normal is computed in closed form, in world units: with the
gradient ``g`` of the SDF network in feature space, ``n = (d f / d p)^T g + (d coordinate / d p)^T d sdf / d
coordinate``. The field gives ``g`` and the second gradient; the volume's ``spatial_gradient`` gives the first
product.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from ponder_render.field.initialisation import initialise_free_space, initialise_sphere
from ponder_render.field.mlp import HeadMlp, SmoothMlp

Coordinate = Literal["box", "cell", "none"]
Initialisation = Literal["free_space", "sphere", "room"]


class FieldConfig(BaseModel):
    """Sizes of the field's networks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(default=64, ge=1, description="width of every hidden layer")
    sdf_layers: int = Field(default=2, ge=0, description="hidden layers of the SDF network")
    color_layers: int | None = Field(
        default=2, ge=0, description="hidden layers of the colour head; None: no colour"
    )
    semantic_channels: int | None = Field(
        default=None, ge=1, description="outputs of the semantic head; None: no head"
    )
    semantic_layers: int = Field(default=1, ge=0, description="hidden layers of the semantic head")
    geometry_channels: int = Field(default=15, ge=0, description="width of the geometry feature h")
    appearance_channels: int = Field(
        default=0,
        ge=0,
        description="of the volume's channels, how many the colour and semantic heads have to themselves: they read "
        "only these, the SDF network only the others (published indoor: 64 of 128); 0: all networks read all channels",
    )
    coordinate: Coordinate = Field(
        default="box",
        description="the networks' p: position in the box in [-1, 1], offset from the cell's centre in "
        "[-1, 1] (discontinuous between cells), or none",
    )
    beta: float = Field(default=100.0, gt=0, description="sharpness of the SDF network's softplus")
    initialisation: Initialisation = Field(
        default="free_space",
        description="the SDF before training: free_space: initial_sdf everywhere; sphere: of a ball in the middle of "
        "the box; room: of the inside of that ball, for cameras that look around",
    )
    initial_sdf: float = Field(
        default=0.2, description="the SDF before training, metres: a little free space everywhere"
    )
    initial_spread: float = Field(
        default=0.1,
        gt=0,
        description="how much the SDF varies with the features before training, metres: 0 would stop its gradients",
    )
    initial_radius: float = Field(
        default=0.5,
        gt=0,
        description="of the sphere or room, as a share of half the box's side, axis by axis",
    )
    initial_half_side: float = Field(
        default=1.0,
        gt=0,
        description="metres from the box's middle to a face, for a sphere's or room's SDF to grow by a metre per "
        "metre; the networks do not know the box",
    )

    @model_validator(mode="after")
    def _a_sphere_needs_a_place_and_a_layer(self) -> "FieldConfig":
        if self.initialisation != "free_space" and (self.coordinate != "box" or self.sdf_layers < 1):
            raise ValueError(
                f"initialisation = {self.initialisation} needs coordinate = box and sdf_layers >= 1, not "
                f"{self.coordinate} and {self.sdf_layers}; change these or start with free_space"
            )
        return self

    @model_validator(mode="after")
    def _channels_apart_need_a_layer_between(self) -> "FieldConfig":
        if self.appearance_channels and self.geometry_channels and not self.sdf_layers:
            raise ValueError(
                f"appearance_channels = {self.appearance_channels} and geometry_channels = {self.geometry_channels} "
                "need sdf_layers >= 1, not 0: a linear h would hand the heads the SDF's channels after all"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """What the SDF network says (Eq. 4) and its gradients with respect to both inputs."""

    sdf: Float[Tensor, " samples"]
    hidden: Float[Tensor, "samples geometry_channels"]
    feature_gradient: Float[Tensor, "samples channels"]
    coordinate_gradient: Float[Tensor, "samples coordinates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """Colour in [0, 1] and semantic outputs (Eq. 5, 9); None where the field has no such head."""

    color: Float[Tensor, "samples 3"] | None
    semantic: Float[Tensor, "samples semantic_channels"] | None


class NeuralField(nn.Module):
    """``phi_SDF``, ``phi_RGB`` and ``phi_SEMANTIC`` over a volume of ``channels``.

    Raises:
        ValueError: when the heads have so many channels to themselves that none is left for the SDF network.
    """

    def __init__(self, config: FieldConfig, channels: int) -> None:
        super().__init__()
        self.config = config
        self.coordinates = 0 if config.coordinate == "none" else 3
        self.sdf_channels = channels - config.appearance_channels
        if config.appearance_channels and self.sdf_channels < 1:
            raise ValueError(
                f"appearance_channels = {config.appearance_channels} of a volume of {channels} channels leaves none "
                "for the SDF network; take fewer, or a volume of more channels"
            )
        geometry = config.geometry_channels
        self.geometry_net = SmoothMlp(
            self.coordinates + self.sdf_channels, config.hidden, config.sdf_layers, 1 + geometry, config.beta
        )
        self._initialise_geometry()
        place = self.coordinates + (config.appearance_channels or channels)
        self.color_head = self.semantic_head = None
        if config.color_layers is not None:
            self.color_head = HeadMlp(place + 6 + geometry, config.hidden, config.color_layers, 3)
        if config.semantic_channels is not None:
            inputs = place + 3 + geometry
            self.semantic_head = HeadMlp(
                inputs, config.hidden, config.semantic_layers, config.semantic_channels
            )

    def _initialise_geometry(self) -> None:
        config, net = self.config, self.geometry_net
        if config.initialisation == "free_space":
            initialise_free_space(net, config.initial_sdf, config.initial_spread)
        else:
            inside_out = config.initialisation == "room"
            initialise_sphere(
                net, config.initial_radius, config.initial_half_side, config.initial_spread, inside_out
            )

    def sdf(
        self, coordinate: Float[Tensor, "samples coordinates"], feature: Float[Tensor, "samples channels"]
    ) -> Float[Tensor, " samples"]:
        """The SDF alone, metres: what samplers and meshing need."""
        return self.geometry_net.first_output(torch.cat([coordinate, feature], dim=1))

    def geometry(
        self, coordinate: Float[Tensor, "samples coordinates"], feature: Float[Tensor, "samples channels"]
    ) -> Geometry:
        """Eq. 4 and the gradients that the normal is made of."""
        output, gradient = self.geometry_net.with_gradient(torch.cat([coordinate, feature], dim=1))
        # Split, not sliced: the backward pass of a slice writes zeros around it.
        sdf, hidden = output.split([1, output.shape[1] - 1], dim=1)
        by_coordinate, by_feature = gradient.split([self.coordinates, feature.shape[1]], dim=1)
        return Geometry(
            sdf=sdf[:, 0], hidden=hidden, feature_gradient=by_feature, coordinate_gradient=by_coordinate
        )

    def appearance(
        self,
        coordinate: Float[Tensor, "samples coordinates"],
        feature: Float[Tensor, "samples channels"],
        direction: Float[Tensor, "samples 3"],
        gradient: Float[Tensor, "samples 3"],
        hidden: Float[Tensor, "samples geometry_channels"],
    ) -> Appearance:
        """Eq. 5 and 9. The heads see the SDF's gradient, shortened to at most unit length.

        ``feature`` is that of the volume's ``appearance`` where the heads have channels of their own.
        """
        normal = gradient * gradient.square().sum(dim=1, keepdim=True).clamp(min=1).rsqrt()
        color = semantic = None
        if self.color_head is not None:
            color = torch.sigmoid(
                self.color_head(torch.cat([coordinate, feature, direction, normal, hidden], dim=1))
            )
        if self.semantic_head is not None:
            semantic = self.semantic_head(torch.cat([coordinate, feature, normal, hidden], dim=1))
        return Appearance(color=color, semantic=semantic)
