"""Where scenes come from, as a recipe says."""

from pathlib import Path
from typing import Annotated, Literal

from ponder_data import (
    ArkitScenesConfig,
    FurnitureShapesConfig,
    Matterport3dConfig,
    MeshFolderConfig,
    NuScenesConfig,
    PreparedScenesConfig,
    RgbdSequenceConfig,
    S3disConfig,
    ScanNetConfig,
    ScanNetppConfig,
    Structured3dConfig,
    SyntheticRoomsConfig,
    SyntheticStreetsConfig,
    VirtualScansConfig,
    is_cache,
)
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

DatasetConfig = Annotated[
    SyntheticRoomsConfig
    | RgbdSequenceConfig
    | VirtualScansConfig
    | PreparedScenesConfig
    | ScanNetConfig
    | ScanNetppConfig
    | S3disConfig
    | Structured3dConfig
    | ArkitScenesConfig
    | Matterport3dConfig
    | SyntheticStreetsConfig
    | NuScenesConfig,
    Field(discriminator="kind"),
]
"""One dataset."""

ShapesConfig = FurnitureShapesConfig | MeshFolderConfig
"""Solids, whose inside is known."""


class MixPartConfig(BaseModel):
    """One dataset of a mixture, and its share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: DatasetConfig
    loop: PositiveFloat = Field(
        default=1.0, description="how often an epoch visits each of its scenes; fractions are possible"
    )
    weight: PositiveFloat | None = Field(
        default=None, description="instead of loop: its share of the visits, beside the weights of the others"
    )
    condition: str | None = Field(
        default=None,
        description="one of encoder.conditions: whose norms its scenes take; None: the dataset's own name",
    )


class MixtureConfig(BaseModel):
    """Several datasets, seen in given ratios."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["mixture"] = "mixture"
    parts: tuple[MixPartConfig, ...] = Field(min_length=1)
    class_names: tuple[str, ...] | None = Field(
        default=None, description="the classes to train on; None: those of all datasets together"
    )


SceneConfig = Annotated[
    SyntheticRoomsConfig
    | RgbdSequenceConfig
    | VirtualScansConfig
    | PreparedScenesConfig
    | ScanNetConfig
    | ScanNetppConfig
    | S3disConfig
    | Structured3dConfig
    | ArkitScenesConfig
    | Matterport3dConfig
    | SyntheticStreetsConfig
    | NuScenesConfig
    | FurnitureShapesConfig
    | MeshFolderConfig
    | MixtureConfig,
    Field(discriminator="kind"),
]
"""Where scenes come from. Furniture and meshes are solids: the scenes of ``open_shapes``."""


def scene_config_at(config: SceneConfig, path: Path) -> SceneConfig:
    """Return ``config`` reading from the folder ``path``.

    Where that is a prepared cache, its scenes of the same split take the place of the recipe's, whatever those are.
    Each dataset of a mixture is read from the subfolder with the name of its kind.

    Raises:
        ValueError: when the scenes are generated and read from nowhere, ``path`` is no cache but one is asked for, or
            it lacks the folder of one of a mixture's datasets.
    """
    if isinstance(config, MixtureConfig):
        return config.model_copy(update={"parts": tuple(_part_at(part, path) for part in config.parts)})
    if is_cache(path) and not isinstance(config, ShapesConfig):
        return PreparedScenesConfig.model_validate({"path": path, "split": config.split})
    if isinstance(config, PreparedScenesConfig):
        raise ValueError(f"--data {path}: is no prepared cache; make one with 'ponder data prepare'")
    if isinstance(config, SyntheticRoomsConfig | SyntheticStreetsConfig | FurnitureShapesConfig):
        raise ValueError(f"--data {path}: {config.kind} are generated and read no folder; leave --data out")
    return config.model_copy(update={"path": path})


def _part_at(part: MixPartConfig, path: Path) -> MixPartConfig:
    if isinstance(part.data, SyntheticRoomsConfig | SyntheticStreetsConfig):
        return part
    folder = path / part.data.kind
    if not folder.is_dir():
        raise ValueError(
            f"--data {path}: the recipe mixes datasets and looks for each in a folder of its own, but there is no "
            f"{folder}; make it (a link will do), or name other folders in a recipe file"
        )
    return part.model_copy(update={"data": scene_config_at(part.data, folder)})
