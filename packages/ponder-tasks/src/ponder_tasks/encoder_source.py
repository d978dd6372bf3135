"""Encoders that were trained before: from a run folder, a checkpoint folder or a ``model.safetensors`` file.

An encoder may have norms for each of several datasets (PPT). Here one of these conditions is chosen and folded in, so
that everything behind it meets a plain encoder.
"""

from pathlib import Path
from typing import TypeVar

from ponder_encoders import (
    SparseUNet,
    SparseUNetConfig,
    VoxelNet,
    VoxelNetConfig,
    fold_condition,
    restore_plasticity,
)

from ponder_tasks.checkpoint import Weights, load_weights
from ponder_tasks.recipe import (
    FinetuneRecipe,
    ImportRecipe,
    OutdoorDetectRecipe,
    PointFinetuneRecipe,
    PretrainingRecipe,
    VolumeDetectRecipe,
)
from ponder_tasks.volume_weights import with_volume_source

SCRATCH = "scratch"
ENCODER_PREFIX = "encoder."
OUTDOOR_PREFIXES = ("source.encoder.", "source.lidar.encoder.")
"""Where outdoor pre-training keeps the LiDAR's encoder: alone, or beside cameras."""

PointRecipe = PretrainingRecipe | PointFinetuneRecipe | VolumeDetectRecipe | ImportRecipe
"""A recipe whose encoder is a SparseUNet."""

RecipeType = TypeVar("RecipeType", bound=FinetuneRecipe)


def with_encoder(recipe: RecipeType, source: str, condition: str | None = None) -> RecipeType:
    """Return ``recipe`` starting from the encoder in ``source``, with the norms of ``condition`` where it has several.

    A trained encoder brings its architecture and the grid it was trained on; both replace those of the recipe. The
    choices of the backend and of what is read off the decoder (``hypercolumns``) stay the recipe's. A recipe whose
    own encoder has conditions trains on all of these datasets together and keeps their norms apart; the trained one
    must have norms for the same.

    Raises:
        ValueError: when ``source`` holds no readable checkpoint, the condition is missing, unknown or unwanted, or the
            encoder reads something else of points than the recipe's.
    """
    if source == SCRATCH:
        if condition is not None:
            raise ValueError(
                f"--condition {condition}: an encoder from scratch has no conditions; leave it out"
            )
        changes: dict[str, object] = {"encoder_source": SCRATCH}
        if isinstance(recipe, PointFinetuneRecipe):
            changes["encoder_condition"] = None
        return recipe.model_copy(update=changes)
    weights = load_weights(Path(source))
    if isinstance(recipe, OutdoorDetectRecipe):
        return _with_voxelnet(recipe, weights, recipe.encoder.backend, source, condition)
    if isinstance(recipe, VolumeDetectRecipe):
        if condition is not None:
            raise ValueError(f"--condition {condition}: a volume of sensors has no conditions; leave it out")
        return with_volume_source(recipe, weights, source)
    assert isinstance(recipe, PointFinetuneRecipe), "all other tasks have a SparseUNet"
    trained = point_recipe(weights)
    own = {"backend": recipe.encoder.backend, "hypercolumns": recipe.encoder.hypercolumns}
    encoder = trained.encoder.model_copy(update=own)
    check_channels(encoder, recipe.encoder.in_channels, source)
    if recipe.encoder.conditions:
        _check_same_conditions(encoder, recipe.encoder, condition, source)
    else:
        check_condition(encoder, condition, source)
        encoder = encoder.model_copy(update={"conditions": (), "context_channels": 0})
    grid = {"grid_size": trained.sample.grid_size, "grid_height": trained.sample.grid_height}
    sample = recipe.sample.model_copy(update=grid)
    changes = {
        "encoder": encoder,
        "sample": sample,
        "encoder_source": source,
        "encoder_condition": condition,
    }
    return recipe.model_copy(update=changes)


def check_channels(trained: SparseUNetConfig, wanted: int, source: str) -> None:
    """Raise a ValueError unless a trained encoder reads ``wanted`` channels of each point."""
    if trained.in_channels == wanted:
        return
    reads = {
        6: "colour and normal",
        4: "height, distance, intensity and time, as of a vehicle's LiDAR",
    }
    has, needs = (
        f"{n} channels of each point ({reads.get(n, 'its own')})" for n in (trained.in_channels, wanted)
    )
    raise ValueError(f"the encoder in {source} reads {has}, but here there are {needs}; give another encoder")


def point_recipe(weights: Weights) -> PointRecipe:
    """Return the recipe of a checkpoint whose encoder is a SparseUNet.

    Raises:
        ValueError: when its encoder is of another kind.
    """
    recipe = weights.recipe
    if isinstance(recipe, OutdoorDetectRecipe):
        raise ValueError(
            f"{weights.source} holds a VoxelNet (of {recipe.name}), but a SparseUNet is needed here; name a run whose "
            "encoder is one, such as one of rooms"
        )
    return recipe


def voxelnet_encoder(weights: Weights) -> VoxelNetConfig:
    """Return the VoxelNet that a checkpoint holds.

    Raises:
        ValueError: when its encoder is of another kind.
    """
    if not isinstance(weights.recipe.encoder, VoxelNetConfig):
        raise ValueError(
            f"{weights.source} holds a SparseUNet (of {weights.recipe.name}), but detection outdoors needs a VoxelNet; "
            "use --encoder scratch, or a run whose encoder is one"
        )
    return weights.recipe.encoder


def _with_voxelnet(
    recipe: RecipeType, weights: Weights, backend: str, source: str, condition: str | None
) -> RecipeType:
    if condition is not None:
        raise ValueError(f"--condition {condition}: a VoxelNet has no conditions; leave it out")
    encoder = voxelnet_encoder(weights).model_copy(update={"backend": backend})
    return recipe.model_copy(update={"encoder": encoder, "encoder_source": source})


def start_voxelnet(encoder: VoxelNet, recipe: OutdoorDetectRecipe) -> None:
    """Give ``encoder`` the weights that ``recipe`` starts from; from scratch, it stays as it is.

    Raises:
        ValueError: when the source cannot be read or does not fit.
    """
    if recipe.encoder_source == SCRATCH:
        return
    weights = load_weights(Path(recipe.encoder_source))
    voxelnet_encoder(weights)
    _load_tensors(encoder, weights)


def _check_same_conditions(
    trained: SparseUNetConfig, wanted: SparseUNetConfig, condition: str | None, source: str
) -> None:
    """Raise a ValueError unless an encoder has norms for the very datasets that a recipe trains on together."""
    if condition is not None:
        raise ValueError(
            f"--condition {condition}: the recipe trains on {', '.join(wanted.conditions)} together; leave it out"
        )
    if set(trained.conditions) != set(wanted.conditions):
        has = (
            f"norms for {', '.join(trained.conditions)}"
            if trained.conditions
            else "the same norms for all data"
        )
        raise ValueError(
            f"the recipe trains on {', '.join(wanted.conditions)} together, but the encoder in {source} has {has}; "
            "pre-train it with encoder.conditions of the same names, or fine-tune on one dataset"
        )


def check_condition(config: SparseUNetConfig, condition: str | None, source: str) -> None:
    """Return if ``condition`` says which norms of the encoder in ``source`` to use: one of its own, or none.

    Raises:
        ValueError: when it is missing, unknown, or the encoder has none; names those that exist.
    """
    choices = ", ".join(config.conditions)
    if not config.conditions and condition is not None:
        raise ValueError(f"--condition {condition}: the encoder in {source} has no conditions; leave it out")
    if config.conditions and condition is None:
        raise ValueError(
            f"the encoder in {source} has norms for each of {choices}; choose the one most like your data, "
            f"e.g. --condition {config.conditions[0]}"
        )
    if config.conditions and condition not in config.conditions:
        raise ValueError(
            f"--condition {condition}: the encoder in {source} has norms for {choices}; choose one of these"
        )


def load_encoder(source: Path, condition: str | None = None) -> tuple[SparseUNet, PointRecipe]:
    """Return the encoder in ``source``, with the norms of ``condition`` folded in, and the recipe that made it.

    Raises:
        ValueError: when ``source`` holds no readable checkpoint, or one without an encoder, or the condition is
            missing, unknown or not wanted.
    """
    weights = load_weights(source)
    recipe = point_recipe(weights)
    check_condition(recipe.encoder, condition, str(source))
    encoder = _loaded(SparseUNet(recipe.encoder), weights)
    return (fold_condition(encoder, condition) if condition is not None else encoder), recipe


def start_encoder(encoder: SparseUNet, recipe: PointFinetuneRecipe) -> None:
    """Give ``encoder`` the weights that ``recipe`` starts from; from scratch, it stays as it is.

    One that is to learn further gets its plasticity back, see :func:`ponder_encoders.restore_plasticity`.

    Raises:
        ValueError: when the source cannot be read or does not fit.
    """
    if recipe.encoder_source == SCRATCH:
        return
    load_encoder_weights(encoder, load_weights(Path(recipe.encoder_source)), recipe.encoder_condition)
    if not recipe.freeze_encoder:
        restore_plasticity(encoder)


def load_encoder_weights(encoder: SparseUNet, weights: Weights, condition: str | None = None) -> None:
    """Load the encoder part of ``weights`` into ``encoder``, with the norms of ``condition`` folded in.

    Raises:
        ValueError: when the names or shapes differ.
    """
    if condition is None:
        _loaded(encoder, weights)
        return
    trained = _loaded(SparseUNet(point_recipe(weights).encoder), weights)
    encoder.load_state_dict(fold_condition(trained, condition).state_dict())


def _loaded(encoder: SparseUNet, weights: Weights) -> SparseUNet:
    _load_tensors(encoder, weights)
    return encoder


def _load_tensors(encoder: SparseUNet | VoxelNet, weights: Weights) -> None:
    found = [weights.under(prefix) for prefix in (ENCODER_PREFIX, *OUTDOOR_PREFIXES)]
    tensors = next((tensors for tensors in found if tensors), {})
    if not tensors:
        raise ValueError(f"{weights.source} holds no encoder of points (a run of {weights.recipe.name})")
    try:
        encoder.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"{weights.source} does not fit the encoder of the recipe: {reason}") from error
