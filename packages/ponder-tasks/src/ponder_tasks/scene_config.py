"""Where scenes come from, as a recipe says."""

from pathlib import Path
from typing import Annotated, Literal

from ponder_data import (
    ArkitScenesConfig,
    FurnitureShapesConfig,
    LidarsegFolderConfig,
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
    VirtualCamerasConfig,
    VirtualScansConfig,
    is_cache,
)
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

IndoorConfig = (
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
)
"""Rooms, scans and posed frames."""

DrivingConfig = SyntheticStreetsConfig | NuScenesConfig | LidarsegFolderConfig
"""What a vehicle's sensors saw."""

DatasetConfig = Annotated[
    IndoorConfig | DrivingConfig,
    Field(discriminator="kind"),
]
"""One dataset, as it is."""


class VirtualViewsConfig(VirtualCamerasConfig):
    """A dataset without pictures, such as S3DIS, and the virtual cameras that take them."""

    kind: Literal["virtual"] = "virtual"
    data: DatasetConfig
    voxel: float = Field(
        default=0.02, gt=0, description="the cloud keeps one point per cube of this side, metres"
    )
    max_points: int = Field(
        default=1_000_000, ge=16, description="more points than this are thinned at random"
    )

    @property
    def split(self) -> str:
        """The split of the dataset; folders of sweeps have none."""
        return "all" if isinstance(self.data, LidarsegFolderConfig) else self.data.split


ViewedConfig = Annotated[
    IndoorConfig | VirtualViewsConfig,
    Field(discriminator="kind"),
]
"""One dataset, as it is or seen by virtual cameras."""

GeneratedConfig = SyntheticRoomsConfig | SyntheticStreetsConfig | FurnitureShapesConfig
"""What is made anew each time and read from nowhere."""

ShapesConfig = FurnitureShapesConfig | MeshFolderConfig
"""Solids, whose inside is known."""


class MixPartConfig(BaseModel):
    """One dataset of a mixture, and its share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: ViewedConfig
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
    IndoorConfig
    | DrivingConfig
    | VirtualViewsConfig
    | FurnitureShapesConfig
    | MeshFolderConfig
    | MixtureConfig,
    Field(discriminator="kind"),
]
"""Where scenes come from. Furniture and meshes are solids: the scenes of ``open_shapes``."""


_CACHED_SPLITS = {"nvs_sem_train": "train", "nvs_sem_val": "val", "sem_test": "test"}
"""What caches call the splits of ScanNet++."""


def scene_config_at(config: SceneConfig, path: Path) -> SceneConfig:
    """Return ``config`` reading from the folder ``path``.

    Where that is a prepared cache, its scenes of the same split take the place of the recipe's, whatever those are.
    Each dataset of a mixture is read from the subfolder with the name of its kind. Virtual cameras stay, also where the
    dataset that they look at comes from a cache.

    Raises:
        ValueError: when the scenes are generated and read from nowhere, ``path`` is no cache but one is asked for, or
            it lacks the folder of one of a mixture's datasets.
    """
    if isinstance(config, MixtureConfig):
        if all(isinstance(part.data, GeneratedConfig) for part in config.parts):
            raise ValueError(f"--data {path}: all datasets of the recipe are generated; leave --data out")
        return config.model_copy(update={"parts": tuple(_part_at(part, path) for part in config.parts)})
    if isinstance(config, VirtualViewsConfig):
        return config.model_copy(update={"data": scene_config_at(config.data, path)})
    if is_cache(path) and not isinstance(config, ShapesConfig | LidarsegFolderConfig):
        split = _CACHED_SPLITS.get(config.split, config.split)
        return PreparedScenesConfig.model_validate({"path": path, "split": split})
    if isinstance(config, PreparedScenesConfig):
        raise ValueError(f"--data {path}: is no prepared cache; make one with 'ponder data prepare'")
    if isinstance(config, GeneratedConfig):
        raise ValueError(f"--data {path}: {config.kind} are generated and read no folder; leave --data out")
    return config.model_copy(update={"path": path})


def _part_at(part: MixPartConfig, path: Path) -> MixPartConfig:
    data = part.data.data if isinstance(part.data, VirtualViewsConfig) else part.data
    if isinstance(data, GeneratedConfig):
        return part
    folder = path / data.kind
    if not folder.is_dir():
        raise ValueError(
            f"--data {path}: the recipe mixes datasets and looks for each in a folder of its own, but there is no "
            f"{folder}; make it (a link will do), or name other folders in a recipe file"
        )
    return part.model_copy(update={"data": scene_config_at(part.data, folder)})
