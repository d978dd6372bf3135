"""Recipes: everything that decides a run, in one typed tree.

A recipe is made by a function in ``recipes/``, changed by ``--set`` or a YAML file (``overrides.py``), and written into
every run folder, so that the run can be repeated.
"""

from typing import Annotated, Literal

from ponder_data import AugmentationConfig, MixConfig, SampleConfig
from ponder_encoders import PointNet2Config, SparseUNetConfig, VoxelNetConfig
from ponder_render import RendererConfig, RenderingLossConfig
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from ponder_tasks.detect.decoding import DecodingConfig
from ponder_tasks.detect.losses import DetectionLossConfig
from ponder_tasks.detect.votenet import VoteNetConfig
from ponder_tasks.instances.losses import InstanceLossConfig
from ponder_tasks.instances.proposals import GroupingConfig
from ponder_tasks.instances.scorer import ScorerConfig
from ponder_tasks.instances.suppression import SelectionConfig
from ponder_tasks.language import LanguageConfig
from ponder_tasks.optimizer import OptimizerConfig
from ponder_tasks.outdoor.recipe import SensorRecipe, StreetsPretrainRecipe
from ponder_tasks.outdoor_detect.center_head import CenterHeadConfig
from ponder_tasks.outdoor_detect.query_head import QueryHeadConfig
from ponder_tasks.outdoor_detect.volume_neck import VolumeNeckConfig
from ponder_tasks.pretrain.labels import LabelsConfig
from ponder_tasks.pretrain.released_code import ReleasedCodeConfig
from ponder_tasks.reconstruct.config import (
    ReconstructionEvaluationConfig,
    ReconstructionNetworkConfig,
    SurfacePointsConfig,
)
from ponder_tasks.scene_config import SceneConfig
from ponder_tasks.segment.losses import SegmentationLossConfig
from ponder_tasks.training_config import RenderingEvaluationConfig as RenderingEvaluationConfig
from ponder_tasks.training_config import TrainerConfig as TrainerConfig


class PretrainRecipe(BaseModel):
    """Pre-training by rendering; without ``labels`` none are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["pretrain"] = "pretrain"
    name: str
    description: str = ""
    train_data: SceneConfig
    val_data: SceneConfig
    sample: SampleConfig
    encoder: SparseUNetConfig
    renderer: RendererConfig
    losses: RenderingLossConfig
    labels: LabelsConfig | None = Field(default=None, description="which labels guide it; null: label-free")
    released_code: ReleasedCodeConfig = Field(
        default=ReleasedCodeConfig(), description="ways of the published code that its paper does not have"
    )
    evaluation: RenderingEvaluationConfig = RenderingEvaluationConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    trainer: TrainerConfig = TrainerConfig()

    @model_validator(mode="after")
    def _semantics_are_as_wide_as_texts(self) -> "PretrainRecipe":
        rendered = self.renderer.field.semantic_channels
        if self.labels is None:
            if rendered is not None:
                raise ValueError(
                    f"renderer.field.semantic_channels is {rendered} but no labels are used: give labels, or "
                    "set it to null"
                )
        elif rendered not in (None, self.labels.language.channels):
            raise ValueError(
                f"renderer.field.semantic_channels is {rendered}, text embeddings have {self.labels.language.channels} "
                "channels (labels.language.channels): make them the same"
            )
        return self


class FinetuneRecipe(BaseModel, frozen=True, extra="forbid"):
    """What every task says that learns on top of an encoder: from scratch, fine-tuned, or frozen (a probe).

    A task adds its own encoder, losses and sizes in a subclass, whose ``task`` names it. Subclasses are listed in
    :data:`TrainingRecipe`, and ``finetuning.py`` says what runs each.
    """

    task: str
    name: str
    description: str = ""
    train_data: SceneConfig
    val_data: SceneConfig
    encoder_source: str = Field(
        default="scratch",
        description="'scratch', or a run folder, checkpoint folder or model.safetensors file",
    )
    freeze_encoder: bool = Field(default=False, description="train only the head: a linear probe")
    optimizer: OptimizerConfig = OptimizerConfig()
    trainer: TrainerConfig = TrainerConfig()


class PointFinetuneRecipe(FinetuneRecipe, frozen=True, extra="forbid"):
    """What every task says whose encoder is a SparseUNet, on points sampled on a grid."""

    sample: SampleConfig
    encoder: SparseUNetConfig
    encoder_condition: str | None = Field(
        default=None,
        description="of an encoder with norms for each of several datasets: whose norms to start from",
    )


class SegmentRecipe(PointFinetuneRecipe, frozen=True, extra="forbid"):
    """Semantic segmentation with a linear head, or one that compares with text embeddings of the classes."""

    task: Literal["segment"] = "segment"
    language: LanguageConfig | None = Field(
        default=None,
        description="the head compares points with text embeddings of the classes; null: a linear head",
    )
    mix: MixConfig = MixConfig()
    losses: SegmentationLossConfig = SegmentationLossConfig()


class DetectRecipe(PointFinetuneRecipe, frozen=True, extra="forbid"):
    """Detection of oriented boxes by voting (VoteNet)."""

    task: Literal["detect"] = "detect"
    classes: tuple[str, ...] = Field(
        default=(), description="names of the classes to detect; empty for all of the data"
    )
    points: PointNet2Config | None = Field(
        default=None, description="a PointNet++ in place of the encoder, always from scratch"
    )
    votenet: VoteNetConfig = VoteNetConfig()
    losses: DetectionLossConfig = DetectionLossConfig()
    decoding: DecodingConfig = DecodingConfig()


class InstanceEvaluationConfig(BaseModel):
    """What is judged; the default is ScanNet's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum_points: PositiveInt = Field(
        default=100, description="true instances and predictions of fewer points are not judged"
    )


class InstanceRecipe(PointFinetuneRecipe, frozen=True, extra="forbid"):
    """Instance segmentation in PointGroup's manner."""

    task: Literal["instances"] = "instances"
    stuff: tuple[str, ...] = Field(
        default=("wall", "floor"), description="classes that are not counted in instances"
    )
    losses: InstanceLossConfig = InstanceLossConfig()
    grouping: GroupingConfig = GroupingConfig()
    scorer: ScorerConfig = ScorerConfig()
    selection: SelectionConfig = SelectionConfig()
    evaluation: InstanceEvaluationConfig = InstanceEvaluationConfig()


class ReconstructRecipe(PointFinetuneRecipe, frozen=True, extra="forbid"):
    """Surfaces from noisy sparse points: a decoder that knows of every point of space whether it lies inside.

    The data are solids (``kind`` furniture or meshes) in the unit cube. Of ``sample`` only the grid is read: the
    encoder sees a solid so large that the unit cube has ``points.encoder_cells`` of its cells along each side.
    """

    task: Literal["reconstruct"] = "reconstruct"
    points: SurfacePointsConfig = SurfacePointsConfig()
    network: ReconstructionNetworkConfig = ReconstructionNetworkConfig()
    evaluation: ReconstructionEvaluationConfig = ReconstructionEvaluationConfig()


OutdoorHeadConfig = Annotated[CenterHeadConfig | QueryHeadConfig, Field(discriminator="kind")]
"""What reads boxes off a volume outdoors."""


class OutdoorDetectRecipe(FinetuneRecipe, frozen=True, extra="forbid"):
    """Detection of driving scenes' boxes, with velocity and attribute, in a VoxelNet's volume of LiDAR sweeps."""

    task: Literal["outdoor-detect"] = "outdoor-detect"
    encoder: VoxelNetConfig
    augmentation: AugmentationConfig
    head: OutdoorHeadConfig


class VolumeDetectRecipe(FinetuneRecipe, SensorRecipe, frozen=True, extra="forbid"):
    """Detection of the same in the volume that outdoor pre-training learns: of LiDAR, cameras, or both.

    ``encoder_source`` is a run whose volume was made of the same sensors, or of more.
    """

    task: Literal["volume-detect"] = "volume-detect"
    volume_shape: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        description="cells of the box along x, y and z; need not be those of pre-training"
    )
    neck: VolumeNeckConfig = Field(default=VolumeNeckConfig(), description="between the volume and the head")
    head: OutdoorHeadConfig


OutdoorDetectionRecipe = OutdoorDetectRecipe | VolumeDetectRecipe
"""A recipe of detection outdoors."""

PretrainingRecipe = PretrainRecipe | StreetsPretrainRecipe
"""A recipe of pre-training, indoors or outdoors."""

TrainingRecipe = (
    PretrainingRecipe
    | SegmentRecipe
    | InstanceRecipe
    | DetectRecipe
    | ReconstructRecipe
    | OutdoorDetectRecipe
    | VolumeDetectRecipe
)
"""A recipe that the trainer can follow."""


class ImportRecipe(BaseModel):
    """An encoder that others trained: nothing is to be run, but its sizes and its grid are known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["import"] = "import"
    name: str
    description: str = ""
    sample: SampleConfig
    encoder: SparseUNetConfig


Recipe = Annotated[TrainingRecipe | ImportRecipe, Field(discriminator="task")]
"""Any recipe; ``task`` tells which."""
