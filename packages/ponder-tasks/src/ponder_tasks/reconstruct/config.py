"""What decides a reconstruction, in sides of the unit cube: the points, the network, and how it is judged."""

from typing import Literal

from ponder_encoders import DgcnnConfig, PointNet2Config
from ponder_render import DenseNetConfig
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt


class SurfacePointsConfig(BaseModel):
    """What is known of a surface, and where the network is asked about space. Defaults: Peng et al. 2020 (ConvONet)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(default=10_000, ge=16, description="points of the surface that the network is given")
    noise: NonNegativeFloat = Field(default=0.005, description="standard deviation of their positions")
    encoder_cells: PositiveInt = Field(
        default=32,
        description="cells of the encoder's grid along the unit cube; says how large it sees a solid",
    )
    queries: PositiveInt = Field(default=2048, description="places asked about in each solid and step")
    near_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="of the places, those near the surface, where thin parts are decided; 0 is the published way",
    )
    near_distance: PositiveFloat = Field(
        default=0.03,
        description="standard deviation of the distance of such places from a point of the surface",
    )
    symmetries: bool = Field(
        default=True, description="in training, turn solids by quarters about z and mirror them, at random"
    )


class DecoderConfig(BaseModel):
    """The network that is asked about one place at a time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: PositiveInt = 32
    blocks: PositiveInt = Field(default=5, description="residual blocks, each told the place's feature anew")


class ReconstructionNetworkConfig(BaseModel):
    """From points to a field: point features, a volume of them, a dense U-Net, a decoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    point_encoder: DgcnnConfig | PointNet2Config | None = Field(
        default=None,
        description="a network over points in the place of the SparseUNet of 'encoder'; it starts from scratch",
    )
    volume_cells: PositiveInt = Field(default=64, description="of the feature volume along each side")
    padding: NonNegativeFloat = Field(
        default=0.1, description="by how much the volume is longer than the unit cube"
    )
    point_channels: PositiveInt = Field(default=32, description="of the point features that are pooled")
    dense: DenseNetConfig = DenseNetConfig(kind="unet", channels=32, projected_channels=None)
    decoder: DecoderConfig = DecoderConfig()
    output: Literal["occupancy", "sdf"] = Field(
        default="occupancy", description="what the decoder says of a place: inside or not, or signed distance"
    )
    truncation: PositiveFloat = Field(
        default=0.1, description="sdf only: distances beyond it are not told apart"
    )


class ReconstructionEvaluationConfig(BaseModel):
    """How reconstructions are measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shapes: PositiveInt = Field(default=13, description="validation shapes; all where there are fewer")
    resolution: PositiveInt = Field(default=96, description="steps of the mesh along each side of the volume")
    surface_points: PositiveInt = Field(default=50_000, description="compared of each surface")
    volume_points: PositiveInt = Field(
        default=50_000, description="places in the volume whose inside is compared"
    )
    threshold: PositiveFloat = Field(default=0.01, description="of the F-score")
