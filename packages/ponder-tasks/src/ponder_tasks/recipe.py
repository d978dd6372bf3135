"""Recipes: everything that decides a run, in one typed tree.

A recipe is made by a function in ``recipes/``, changed by ``--set`` or a YAML file (``overrides.py``), and written into
every run folder, so that the run can be repeated.
"""

from pathlib import Path
from typing import Annotated, Literal

from ponder_data import (
    PreparedScenesConfig,
    RgbdSequenceConfig,
    SampleConfig,
    SyntheticRoomsConfig,
    VirtualScansConfig,
    is_cache,
)
from ponder_encoders import SparseUNetConfig
from ponder_render import RendererConfig, RenderingLossConfig
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

from ponder_tasks.optimizer import OptimizerConfig
from ponder_tasks.segment.losses import SegmentationLossConfig

SceneConfig = Annotated[
    SyntheticRoomsConfig | RgbdSequenceConfig | VirtualScansConfig | PreparedScenesConfig,
    Field(discriminator="kind"),
]
"""Where scenes come from."""


class TrainerConfig(BaseModel):
    """How long, on what, and how often to look."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: PositiveInt = 600
    batch_size: PositiveInt = Field(default=2, description="scenes per step and process")
    accumulate: PositiveInt = Field(default=1, description="batches whose gradients are added up in one step")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="of the encoder; the renderer always computes in float32"
    )
    clip_gradient_norm: PositiveFloat | None = 1.0
    validate_every: NonNegativeInt = Field(default=0, description="steps; 0 validates only at the end")
    checkpoint_every: PositiveInt = 100
    keep_checkpoints: PositiveInt = 2
    workers: NonNegativeInt = Field(default=0, description="processes that prepare batches ahead")
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: PositiveInt | Literal["auto"] = 1
    seed: NonNegativeInt = 0


class RenderingEvaluationConfig(BaseModel):
    """Which held-out views are rendered for the measurements and the report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenes: PositiveInt = Field(default=4, description="validation scenes; all where there are fewer")
    views_per_scene: PositiveInt = 2
    pixel_stride: PositiveInt = Field(default=2, description="render every n-th pixel of every n-th row")


class PretrainRecipe(BaseModel):
    """Pre-training by rendering: no labels are read."""

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
    evaluation: RenderingEvaluationConfig = RenderingEvaluationConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    trainer: TrainerConfig = TrainerConfig()


class FinetuneRecipe(BaseModel, frozen=True, extra="forbid"):
    """What every task says that learns on top of an encoder: from scratch, fine-tuned, or frozen (a probe).

    A task adds its own losses and sizes in a subclass, whose ``task`` names it. Subclasses are listed in
    :data:`TrainingRecipe`, and ``finetuning.py`` says what runs each.
    """

    task: str
    name: str
    description: str = ""
    train_data: SceneConfig
    val_data: SceneConfig
    sample: SampleConfig
    encoder: SparseUNetConfig
    encoder_source: str = Field(
        default="scratch",
        description="'scratch', or a run folder, checkpoint folder or model.safetensors file",
    )
    encoder_condition: str | None = Field(
        default=None,
        description="of an encoder with norms for each of several datasets: whose norms to start from",
    )
    freeze_encoder: bool = Field(default=False, description="train only the head: a linear probe")
    optimizer: OptimizerConfig = OptimizerConfig()
    trainer: TrainerConfig = TrainerConfig()


class SegmentRecipe(FinetuneRecipe, frozen=True, extra="forbid"):
    """Semantic segmentation with a linear head."""

    task: Literal["segment"] = "segment"
    losses: SegmentationLossConfig = SegmentationLossConfig()


TrainingRecipe = PretrainRecipe | SegmentRecipe
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


def scene_config_at(config: SceneConfig, path: Path) -> SceneConfig:
    """Return ``config`` reading from the folder ``path``.

    Where that is a prepared cache, its scenes of the same split take the place of the recipe's, whatever those are.

    Raises:
        ValueError: when the scenes are generated and read from nowhere, or ``path`` is no cache but one is asked for.
    """
    if is_cache(path):
        return PreparedScenesConfig(path=path, split=config.split)
    if isinstance(config, PreparedScenesConfig):
        raise ValueError(f"--data {path}: is no prepared cache; make one with 'ponder data prepare'")
    if isinstance(config, SyntheticRoomsConfig):
        raise ValueError(f"--data {path}: {config.kind} are generated and read no folder; leave --data out")
    return config.model_copy(update={"path": path})
