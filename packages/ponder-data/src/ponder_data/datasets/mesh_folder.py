"""Shapes from a folder of watertight meshes."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import trimesh
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ponder_data.scene import Scene
from ponder_data.shapes.mesh_solid import MeshSolid
from ponder_data.shapes.shape import Shape
from ponder_data.shapes.solid import unit_frame

MESH_SUFFIXES = (".obj", ".off", ".ply", ".stl", ".glb")

_TO_Z_UP = {"x": [1, 2, 0], "y": [2, 0, 1], "z": [0, 1, 2]}
"""Which old axis becomes x, y and z, for each axis that points up; all are rotations."""


class MeshFolderConfig(BaseModel):
    """A folder of mesh files, each of them one closed surface."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["meshes"] = "meshes"
    path: Path | None = Field(default=None, description="the folder; files in folders below it are not read")
    split: Literal["train", "val"] = "train"
    held_out_every: int = Field(
        default=4,
        ge=0,
        description="of every n files in the order of their names, the one in the middle is for val; 0: none, and "
        "both splits have all",
    )
    up: Literal["x", "y", "z"] = Field(default="y", description="the files' axis that becomes +Z")
    surface_points: int = Field(default=50_000, ge=100, description="points of each surface")
    seed: int = Field(default=0, ge=0, lt=2**32, description="of the surface's points")

    @field_validator("held_out_every")
    @classmethod
    def _some_meshes_stay(cls, value: int) -> int:
        if value == 1:
            raise ValueError("held_out_every is 1, which holds every mesh out; use 0 for none, or at least 2")
        return value


class MeshFolder:
    """The meshes of a folder as shapes in the unit cube, read when asked for.

    Raises:
        ValueError: when ``config.path`` is missing or no folder, or holds no mesh of the split.
    """

    name = "meshes"
    class_names: tuple[str, ...] = ()

    def __init__(self, config: MeshFolderConfig) -> None:
        if config.path is None:
            raise ValueError("MeshFolderConfig.path is not set; give the folder of meshes")
        if not config.path.is_dir():
            raise ValueError(f"{config.path} is not a folder; give one that holds watertight meshes")
        files = sorted(path for path in config.path.iterdir() if path.suffix.lower() in MESH_SUFFIXES)
        if not files:
            raise ValueError(f"{config.path} holds no mesh: no file ends in {', '.join(MESH_SUFFIXES)}")
        self.config = config
        self.files = tuple(path for i, path in enumerate(files) if _is_chosen(i, config))
        if not self.files:
            raise ValueError(
                f"{config.path}: of {len(files)} mesh(es) none is left for {config.split} with "
                f"held_out_every={config.held_out_every}; set train_data.held_out_every and val_data.held_out_every "
                "lower, or both to 0 to judge by the meshes that are learned from"
            )
        self._read = lru_cache(maxsize=64)(self._shape_in)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Scene:
        return self.shape(index).as_scene(self.name)

    def shape(self, index: int) -> Shape:
        """Return the shape in file ``index`` of the split.

        Raises:
            IndexError: when there is no such file.
            ValueError: when it cannot be read or is not watertight.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"mesh {index} of {len(self)}: valid indices are 0 to {len(self) - 1}")
        return self._read(self.files[index])

    def _shape_in(self, path: Path) -> Shape:
        vertices, faces = _read_mesh(path)
        vertices = vertices[:, _TO_Z_UP[self.config.up]]
        try:
            frame = unit_frame(vertices.min(axis=0), vertices.max(axis=0))
            solid = MeshSolid(trimesh.Trimesh(frame.to_unit(vertices), faces, process=False))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        rng = np.random.default_rng([self.config.seed, *path.name.encode()])
        return Shape(
            name=path.stem, solid=solid, surface=solid.sample_surface(self.config.surface_points, rng)
        )

    def __getstate__(self) -> MeshFolderConfig:
        return self.config

    def __setstate__(self, config: MeshFolderConfig) -> None:
        self.__init__(config)


def _is_chosen(index: int, config: MeshFolderConfig) -> bool:
    every = config.held_out_every
    if every == 0:
        return True
    return (index % every == every // 2) == (config.split == "val")


def _read_mesh(path: Path) -> tuple[Float[np.ndarray, "vertices 3"], np.ndarray]:
    """Return vertices, those in one place merged into one, and faces."""
    # Any: trimesh returns what the file holds.
    try:
        mesh: Any = trimesh.load_mesh(path, process=True)
    # Readers of all formats raise all kinds of errors on broken files; the cause stays attached.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: cannot be read as a mesh ({reason}); export it again") from error
    if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
        raise ValueError(f"{path}: holds no triangles; give a mesh, not a point cloud")
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    return np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces)
