"""What decides a run besides its task: how long it learns, on what machine, and which pictures it is judged by."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt


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
    settle_batches: NonNegativeInt = Field(
        default=12,
        description="batches after the last step from which norms take their statistics anew, at most a quarter as "
        "many as there are steps; 0: they keep those that lag behind",
    )
    validate_every: NonNegativeInt = Field(default=0, description="steps; 0 validates only at the end")
    checkpoint_every: PositiveInt = 100
    keep_checkpoints: PositiveInt = 2
    workers: NonNegativeInt | Literal["auto"] = Field(
        default="auto",
        description="processes that prepare batches ahead; auto: all cores but one beside a GPU, else at most one",
    )
    broken_share: float = Field(
        default=0.01, ge=0, le=1, description="of the training scenes: more broken ones than that end the run"
    )
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: PositiveInt | Literal["auto"] = 1
    seed: NonNegativeInt = 0

    @property
    def settling(self) -> int:
        """How many batches the norms are settled on."""
        return min(self.settle_batches, self.steps // 4)


class RenderingEvaluationConfig(BaseModel):
    """Which held-out views are rendered for the measurements and the report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenes: PositiveInt = Field(default=4, description="validation scenes; all where there are fewer")
    views_per_scene: PositiveInt = 2
    pixel_stride: PositiveInt = Field(default=2, description="render every n-th pixel of every n-th row")
