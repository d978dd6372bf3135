"""From a scan to a mesh file, by a run: what ``ponder reconstruct`` does."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ponder_data import Scene
from ponder_render import Mesh

from ponder_tasks.checkpoint import Weights, load_weights
from ponder_tasks.devices import check_device
from ponder_tasks.encoder_source import check_condition
from ponder_tasks.pretrain.model import PretrainModel
from ponder_tasks.recipe import PretrainRecipe, ReconstructRecipe
from ponder_tasks.reconstruct.cloud_mesh import mesh_of_cloud
from ponder_tasks.reconstruct.model import ReconstructionModel
from ponder_tasks.reconstruct.scan_source import read_source
from ponder_tasks.reconstruct.scene_mesh import mesh_of_scene
from ponder_tasks.reconstruct.trimming import trim_mesh

MESH_SUFFIXES = (".ply", ".obj", ".glb")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshFile:
    """A mesh that was written.

    Attributes:
        output: the file.
        points: of the scan.
        vertices, triangles: of the mesh.
        size: of the mesh's box, metres along x, y and z.
        trimmed: share of the triangles that were cut away, in [0, 1].
        seconds: from the scan in memory to the mesh.
        recipe: what the run was trained by.
    """

    output: Path
    points: int
    vertices: int
    triangles: int
    size: tuple[float, float, float]
    trimmed: float
    seconds: float
    recipe: str


def reconstruct_scan(
    scan: Path,
    run: Path,
    output: Path,
    *,
    resolution: int = 256,
    trim: float | None = 0.2,
    condition: str | None = None,
    device: str = "cpu",
) -> MeshFile:
    """Write the surface of ``scan`` as the run in ``run`` sees it to ``output``.

    Args:
        scan: a scan file, or a folder of posed RGB-D frames.
        run: a pre-training run, whose SDF is meshed, or one of reconstruction, whose decoder is asked.
        output: .ply, .obj or .glb; written whole or not at all.
        resolution: steps of the marching cubes along the longest side.
        trim: surfaces farther than this from any point are cut away, metres; None keeps all.
        condition: whose norms to use, of an encoder that has some for each of several datasets.
        device: where to compute.

    Raises:
        ValueError: when something cannot be read, the run has no surface to offer, an option does not fit, or no
            triangle is left.
    """
    _check_output(output, resolution, trim)
    check_device(device)
    weights = load_weights(run)
    scene = read_source(scan, weights.recipe)
    started = time.monotonic()
    whole = _mesh(scene, run, weights, resolution, condition, device)
    if not len(whole.faces):
        raise ValueError(
            f"{run} finds no surface in {scan}, only free space, so {output.name} was not written; train it longer, or "
            "check that the scan is in metres"
        )
    mesh = whole if trim is None else trim_mesh(whole, scene.coord.numpy(), trim)
    if not len(mesh.faces):
        raise ValueError(
            f"all of the surface lies farther than {trim} m from every point of {scan}, so {output.name} was not "
            "written; trim less, or train the run longer"
        )
    seconds = time.monotonic() - started
    aside = output.with_name(f".{output.stem}.partial{output.suffix}")
    mesh.export(aside)
    aside.replace(output)
    x, y, z = np.ptp(mesh.vertices, axis=0).tolist()
    return MeshFile(
        output=output,
        points=len(scene),
        vertices=len(mesh.vertices),
        triangles=len(mesh.faces),
        size=(x, y, z),
        trimmed=1 - len(mesh.faces) / len(whole.faces),
        seconds=seconds,
        recipe=weights.recipe.name,
    )


def _mesh(
    scene: Scene, run: Path, weights: Weights, resolution: int, condition: str | None, device: str
) -> Mesh:
    recipe = weights.recipe
    match recipe:
        case PretrainRecipe():
            check_condition(recipe.encoder, condition, str(run))
            model = PretrainModel(recipe)
            model.load_state_dict(dict(weights.tensors))
            grid_size = recipe.sample.grid_size
            return mesh_of_scene(
                model.eval().to(device), scene, grid_size, resolution=resolution, condition=condition
            )
        case ReconstructRecipe():
            check_condition(recipe.encoder, condition, str(run))
            learned = ReconstructionModel(recipe)
            learned.load_state_dict(dict(weights.tensors))
            return mesh_of_cloud(learned.eval().to(device), scene, recipe, resolution=resolution)
        case _:
            raise ValueError(
                f"{run} ({recipe.name}, task {recipe.task}) has learned no surface; give a run of pre-training or "
                "reconstruction, such as those of ponder pretrain rooms and ponder finetune rooms-reconstruct"
            )


def _check_output(output: Path, resolution: int, trim: float | None) -> None:
    if output.suffix.lower() not in MESH_SUFFIXES:
        raise ValueError(
            f"output {output} must end in {', '.join(MESH_SUFFIXES[:-1])} or {MESH_SUFFIXES[-1]}"
        )
    if not output.parent.is_dir():
        raise ValueError(f"output folder {output.parent} is not there; make it first")
    if resolution < 1:
        raise ValueError(f"a resolution of {resolution} has no step; give at least 1, e.g. 256")
    if trim is not None and not trim > 0:
        raise ValueError(f"cannot trim at {trim} m from the points; give more than 0, or keep everything")
