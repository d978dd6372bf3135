"""Checkpoints: a folder per saved step, written aside and renamed, so that there is a whole one or none.

``model.safetensors`` holds the weights, with the recipe in its header, so that the single file is enough to rebuild
the encoder. ``state.pt`` holds the optimiser and the schedule. ``manifest.json`` holds the step and the file sizes.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ponder_tasks.recipe import Recipe

WEIGHTS = "model.safetensors"
STATE = "state.pt"
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Named tensors and the recipe of the run that made them."""

    tensors: Mapping[str, Tensor]
    recipe: Recipe
    source: Path

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names start with ``prefix``, without it."""
        return {name[len(prefix) :]: value for name, value in self.tensors.items() if name.startswith(prefix)}


def save_checkpoint(
    folder: Path,
    *,
    step: int,
    model: nn.Module,
    optimizer: Optimizer,
    schedule: LRScheduler,
    recipe: BaseModel,
    keep: int,
) -> Path:
    """Write ``folder/step-NNNNNN`` and remove all but the ``keep`` newest checkpoints."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    state = {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    final = _write(folder, step=step, tensors=tensors, recipe=recipe, state=state)
    for old in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return final


def save_weights(folder: Path, *, tensors: Mapping[str, Tensor], recipe: BaseModel) -> Path:
    """Write ``folder/step-000000`` with weights that no training state belongs to; it cannot be resumed."""
    return _write(folder, step=0, tensors=tensors, recipe=recipe, state=None)


def _write(
    folder: Path,
    *,
    step: int,
    tensors: Mapping[str, Tensor],
    recipe: BaseModel,
    state: Mapping[str, Any] | None,
) -> Path:
    final = folder / f"step-{step:06d}"
    aside = folder / f".step-{step:06d}.partial"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    save_file(dict(tensors), aside / WEIGHTS, metadata={"recipe": recipe.model_dump_json()})
    if state is not None:
        torch.save(dict(state), aside / STATE)
    sizes = {path.name: path.stat().st_size for path in sorted(aside.iterdir())}
    (aside / MANIFEST).write_text(
        json.dumps({"step": step, "sizes": sizes}, indent=2) + "\n", encoding="utf-8"
    )
    for path in aside.iterdir():
        _flush(path)
    shutil.rmtree(final, ignore_errors=True)
    aside.rename(final)
    return final


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the whole checkpoints in ``folder``, oldest first."""
    return sorted(path for path in folder.glob("step-*") if (path / MANIFEST).is_file())


def latest_checkpoint(folder: Path) -> Path:
    """Return the newest checkpoint in ``folder``.

    Raises:
        ValueError: when there is none.
    """
    found = list_checkpoints(folder)
    if not found:
        raise ValueError(f"no checkpoint in {folder}: the run ended before its first one; start it again")
    return found[-1]


def load_training_state(path: Path, *, model: nn.Module, optimizer: Optimizer, schedule: LRScheduler) -> int:
    """Load a checkpoint into a model, its optimiser and schedule; return the number of steps that were taken.

    Raises:
        ValueError: when a file is missing or truncated, or the weights belong to another model.
    """
    step = _check_files(path)
    weights = load_weights(path / WEIGHTS)
    missing, unexpected = model.load_state_dict(dict(weights.tensors), strict=False)
    if missing or unexpected:
        raise ValueError(
            f"{path}: the weights do not fit the model of the recipe (missing {missing}, unknown {unexpected})"
        )
    state = torch.load(path / STATE, map_location="cpu", weights_only=True)
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    return step


def load_weights(path: Path) -> Weights:
    """Read weights from a run folder, a checkpoint folder, or a ``model.safetensors`` file.

    Raises:
        ValueError: when nothing is there, or the file is truncated or was not written by Ponder.
    """
    file = _weights_file(path)
    try:
        with safe_open(file, framework="pt") as reader:
            metadata = reader.metadata() or {}
            tensors = {name: reader.get_tensor(name) for name in reader.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"checkpoint {file} cannot be read ({error}); it is truncated or no safetensors file: "
            "copy it again or use an earlier checkpoint"
        ) from error
    if "recipe" not in metadata:
        raise ValueError(
            f"checkpoint {file} carries no recipe, so it was not written by ponder; give a run or its checkpoint"
        )
    try:
        recipe = TypeAdapter(Recipe).validate_json(metadata["recipe"])
    except ValidationError as error:
        raise ValueError(
            f"checkpoint {file} was written with a recipe this version does not know: {error.errors()[0]['msg']}"
        ) from error
    return Weights(tensors=tensors, recipe=recipe, source=file)


def _weights_file(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise ValueError(f"{path} is not there; give a run folder, a checkpoint folder or a {WEIGHTS} file")
    checkpoint = path if (path / WEIGHTS).is_file() else latest_checkpoint(path / "checkpoints")
    _check_files(checkpoint)
    return checkpoint / WEIGHTS


def _check_files(checkpoint: Path) -> int:
    manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    for name, size in manifest["sizes"].items():
        file = checkpoint / name
        found = file.stat().st_size if file.is_file() else 0
        if found != size:
            raise ValueError(
                f"checkpoint {file} is truncated: {found} of {size} bytes; copy it again or remove the folder "
                f"{checkpoint.name} to fall back to the one before"
            )
    return int(manifest["step"])


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
