"""The recipe of outdoor pre-training, and what it shares with every other of a vehicle's sensors."""

from typing import Annotated, Literal

from ponder_data import NuScenesConfig, SampleConfig, SyntheticStreetsConfig
from ponder_encoders import SparseUNetConfig
from ponder_encoders.fusion import VolumeFusionConfig
from ponder_render import RendererConfig, RenderingLossConfig
from pydantic import BaseModel, Field, model_validator

from ponder_tasks.optimizer import OptimizerConfig
from ponder_tasks.outdoor.box import BoxConfig
from ponder_tasks.outdoor.camera_volume import CameraVolumeConfig
from ponder_tasks.outdoor.rays import StreetRaysConfig
from ponder_tasks.training_config import RenderingEvaluationConfig, TrainerConfig

StreetDataConfig = Annotated[SyntheticStreetsConfig | NuScenesConfig, Field(discriminator="kind")]
"""Driving scenes with pictures."""

Sensors = Literal["lidar", "camera", "fusion"]


class SensorRecipe(BaseModel, frozen=True, extra="forbid"):
    """What every recipe says that makes a volume, in a fixed box about the vehicle, of what its sensors saw."""

    sensors: Sensors = Field(default="lidar", description="what the volume is made of")
    box: BoxConfig = BoxConfig()
    sample: SampleConfig
    encoder: SparseUNetConfig = Field(description="of the LiDAR; unused by cameras alone")
    normalise_points: bool = Field(
        default=False,
        description="bring the features of every LiDAR point to mean 0 and variance 1 over their channels before they "
        "are pooled, so that the encoder says nothing by their size",
    )
    camera: CameraVolumeConfig = Field(
        default=CameraVolumeConfig(), description="the image network and its lift; unused by the LiDAR alone"
    )
    fusion: VolumeFusionConfig = Field(
        default=VolumeFusionConfig(), description="how the volumes of both become one"
    )

    @property
    def looks_at_pictures(self) -> bool:
        """Whether pictures are an input, and not at most what is rendered."""
        return self.sensors != "lidar"

    @model_validator(mode="after")
    def _stays_in_the_frame_of_the_box(self) -> "SensorRecipe":
        augmentation = self.sample.augmentation
        if augmentation.center or augmentation.tilt > 0:
            raise ValueError(
                f"sample.augmentation.center is {augmentation.center} and tilt {augmentation.tilt}: the box lies fixed "
                "about the vehicle and its sky is up; set center=false and tilt=0"
            )
        if not augmentation.keeps_views:
            raise ValueError(
                "sample.augmentation.elastic bends space, which no camera can follow; set elastic.probability=0"
            )
        return self


class StreetsPretrainRecipe(SensorRecipe, frozen=True, extra="forbid"):
    """Pre-training by rendering in a fixed box about a vehicle; no label is read.

    Whatever the sensors, the same pictures are rendered.
    """

    task: Literal["pretrain-streets"] = "pretrain-streets"
    name: str
    description: str = ""
    train_data: StreetDataConfig
    val_data: StreetDataConfig
    rays: StreetRaysConfig = StreetRaysConfig()
    renderer: RendererConfig = Field(
        description="its boxes are the recipe's box: extent and margin are unused"
    )
    losses: RenderingLossConfig = RenderingLossConfig(color=10.0, distance=10.0)
    open_space: float = Field(
        default=10.0,
        ge=0,
        description="weight of the opacity of rays that cross the box without meeting anything",
    )
    evaluation: RenderingEvaluationConfig = RenderingEvaluationConfig(views_per_scene=6)
    optimizer: OptimizerConfig = OptimizerConfig()
    trainer: TrainerConfig = TrainerConfig()

    @model_validator(mode="after")
    def _normalises_before_the_cells(self) -> "StreetsPretrainRecipe":
        if self.renderer.normalise_points:
            raise ValueError(
                "renderer.normalise_points is set, but the volume source pools the points here: set normalise_points"
            )
        return self

    @model_validator(mode="after")
    def _renders_no_classes(self) -> "StreetsPretrainRecipe":
        if self.renderer.field.semantic_channels is not None:
            raise ValueError(
                "renderer.field.semantic_channels is set, but no labels are used: set it to null"
            )
        return self
