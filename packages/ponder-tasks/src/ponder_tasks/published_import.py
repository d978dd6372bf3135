"""Importing: a released PonderV2 file, turned into a run folder whose encoder everything else can use."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ponder_data import SampleConfig
from ponder_encoders import SparseUNet

from ponder_tasks.checkpoint import save_weights
from ponder_tasks.encoder_source import ENCODER_PREFIX
from ponder_tasks.recipe import ImportRecipe
from ponder_tasks.run_folder import RunFolder

POINT_CHANNELS = 6
"""Colour in [-1, 1] and normal: what ``ponder_data`` gives of each point, as the released indoor models read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What was imported, and into what."""

    source: Path
    run: Path
    parameters: int
    channels: int
    grid_size: float
    conditions: tuple[str, ...]


def import_published(source: Path, run: Path, *, grid_size: float, command: str) -> Imported:
    """Write the encoder of the released file ``source`` into the new run folder ``run``.

    The released indoor models read colour and normal of points on a grid of 0.02 m. Nothing is unpickled.

    Args:
        source: a ``.pth`` file: an encoder alone, or a pre-trained or fine-tuned model.
        run: is made, or may be an empty folder; it appears whole or not at all.
        grid_size: side of the cells that the model was trained with, metres.
        command: what was typed, for ``run.json``.

    Raises:
        ValueError: when ``source`` cannot be read, is no released model or reads other channels, or ``run`` exists.
    """
    if not grid_size > 0:
        raise ValueError(f"grid size {grid_size} m must be positive; the released indoor models have 0.02")
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise ValueError(f"{run} exists already; choose another output folder")
    encoder = SparseUNet.from_published(source)
    if encoder.config.in_channels != POINT_CHANNELS:
        raise ValueError(
            f"{source}: this model reads {encoder.config.in_channels} channels of each point, where scans give "
            f"{POINT_CHANNELS} (colour and normal); use it from Python, by SparseUNet.from_published"
        )
    recipe = ImportRecipe(
        name=source.stem,
        description=f"the encoder of {source.name}",
        sample=SampleConfig.evaluation(grid_size),
        encoder=encoder.config,
    )
    aside = run.absolute().with_name(f".{run.absolute().name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        folder = RunFolder.create(aside, recipe, command)
        tensors = {ENCODER_PREFIX + name: value for name, value in encoder.state_dict().items()}
        save_weights(folder.checkpoints, tensors=tensors, recipe=recipe)
        aside.replace(run)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Imported(
        source=source,
        run=run,
        parameters=sum(parameter.numel() for parameter in encoder.parameters()),
        channels=encoder.out_channels,
        grid_size=grid_size,
        conditions=encoder.config.conditions,
    )
