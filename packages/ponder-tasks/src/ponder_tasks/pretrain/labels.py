"""Labels in pre-training: what pictures' and points' classes add to it, where they are used at all."""

from pydantic import BaseModel, ConfigDict, Field

from ponder_tasks.language import LanguageConfig


class LabelsConfig(BaseModel):
    """Guidance by the text embeddings of classes.

    Pixels are used where the renderer has a semantic head (``renderer.field.semantic_channels``), points where
    ``points`` is above 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: LanguageConfig = LanguageConfig()
    points: float = Field(
        default=0.0,
        ge=0,
        description="weight of the language-guided cross-entropy of points; 0: 3D labels unread",
    )
