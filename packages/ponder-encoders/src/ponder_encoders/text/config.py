"""From class names to a class table, as a recipe says."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ponder_encoders.text.cache import TableCache, cache_folder, compute_table, reordered
from ponder_encoders.text.class_table import ClassTable, TextSource
from ponder_encoders.text.minilm_source import MiniLMConfig, MiniLMSource
from ponder_encoders.text.npz_source import NpzConfig, read_npz
from ponder_encoders.text.open_clip_source import OpenClipConfig, OpenClipSource
from ponder_encoders.text.prompts import INDOOR_TEMPLATES, check_names, check_templates


class TextConfig(BaseModel):
    """Which language model embeds class names, and in which sentences."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Annotated[MiniLMConfig | OpenClipConfig | NpzConfig, Field(discriminator="kind")] = Field(
        default=MiniLMConfig(), description="what embeds: minilm, open_clip, or an npz file"
    )
    templates: tuple[str, ...] = Field(
        default=INDOOR_TEMPLATES, description="sentences with {} for the class; a npz file does without"
    )
    cache: bool = Field(
        default=True, description="keep what was computed in $PONDER_CACHE or ~/.cache/ponder"
    )

    @field_validator("templates")
    @classmethod
    def _check_templates(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        check_templates(templates)
        return templates


def build_class_table(names: Sequence[str], config: TextConfig | None = None) -> ClassTable:
    """The text embedding of each class, unit length; nothing is ever downloaded.

    The embedding of a class does not depend on the order of the names, and only through rounding on which
    others there are.

    Args:
        names: of the classes, in the order of their labels.
        config: MiniLM and :data:`INDOOR_TEMPLATES` where not given.

    Raises:
        ValueError: blank or repeated names, or a file that is missing, damaged or lacks classes.
        ImportError: naming the extra, where the packages of the chosen source are not installed.
    """
    config = config if config is not None else TextConfig()
    check_names(names)
    if isinstance(config.source, NpzConfig):
        return read_npz(config.source.path.expanduser(), names)
    source = _source(config.source)
    if config.cache:
        return TableCache(folder=cache_folder() / "class-tables").table(names, config.templates, source)
    return reordered(compute_table(sorted(names), config.templates, source), names)


def _source(config: MiniLMConfig | OpenClipConfig) -> TextSource:
    return OpenClipSource(config) if isinstance(config, OpenClipConfig) else MiniLMSource(config)
