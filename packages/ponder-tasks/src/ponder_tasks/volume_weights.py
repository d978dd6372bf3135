"""Carrying a volume source from outdoor pre-training, or from detection, to detection."""

from pathlib import Path

from ponder_encoders import SparseUNet, restore_plasticity

from ponder_tasks.checkpoint import Weights, load_weights
from ponder_tasks.outdoor.camera_volume import CameraVolumeConfig
from ponder_tasks.outdoor.recipe import SensorRecipe, Sensors
from ponder_tasks.outdoor.volume_source import VolumeSource
from ponder_tasks.recipe import VolumeDetectRecipe

SOURCE_PREFIX = "source."
MASK_TOKEN = "masking.token"
"""The colour that pre-training learned for hidden blocks of pictures; nothing is hidden afterwards."""

WORDS: dict[Sensors, str] = {
    "lidar": "the LiDAR",
    "camera": "the cameras",
    "fusion": "LiDAR and cameras together",
}
EXAMPLES: dict[Sensors, str] = {
    "lidar": "streets",
    "camera": "streets-camera",
    "fusion": "streets-fusion",
}


def with_volume_source(recipe: VolumeDetectRecipe, weights: Weights, source: str) -> VolumeDetectRecipe:
    """Return ``recipe`` starting from the volume source in ``weights``, called ``source``.

    Its networks take the place of the recipe's, with the grid that its points and the window that its pictures were
    learned on. Nothing is masked. The box and its cells stay the recipe's, and so do the choice of the backend,
    stochastic depth, recomputing, and the weight of the depth loss.

    Raises:
        ValueError: when the checkpoint holds no volume source of the recipe's sensors.
    """
    trained = _trained_recipe(weights, recipe.sensors, source)
    grid = {"grid_size": trained.sample.grid_size, "grid_height": trained.sample.grid_height}
    return recipe.model_copy(
        update={
            "encoder": trained.encoder.model_copy(update={"backend": recipe.encoder.backend}),
            "camera": _unmasked(trained.camera, recipe.camera),
            "fusion": trained.fusion,
            "sample": recipe.sample.model_copy(update=grid),
            "encoder_source": source,
        }
    )


def _unmasked(trained: CameraVolumeConfig, own: CameraVolumeConfig) -> CameraVolumeConfig:
    kept = {name: getattr(own, name) for name in ("drop_path_rate", "recompute", "depth_weight")}
    # The network's weights come from the run: none need be downloaded.
    return trained.model_copy(update={**kept, "masking": None, "weights": "random"})


def start_volume_source(source: VolumeSource, recipe: VolumeDetectRecipe) -> None:
    """Give ``source`` the weights that ``recipe`` starts from; from scratch, it stays as it is.

    A LiDAR encoder that is to learn further gets its plasticity back, see :func:`ponder_encoders.restore_plasticity`.

    Raises:
        ValueError: when the run cannot be read or does not fit.
    """
    if recipe.encoder_source == "scratch":
        return
    weights = load_weights(Path(recipe.encoder_source))
    trained = _trained_recipe(weights, recipe.sensors, recipe.encoder_source)
    prefix = SOURCE_PREFIX if trained.sensors == recipe.sensors else f"{SOURCE_PREFIX}{recipe.sensors}."
    tensors = {name: value for name, value in weights.under(prefix).items() if not name.endswith(MASK_TOKEN)}
    try:
        source.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"{weights.source} does not fit the volume of {recipe.name}: {reason}; a lift such as bevformer needs the "
            "volume_shape that it was trained with"
        ) from error
    if not recipe.freeze_encoder:
        for module in source.modules():
            if isinstance(module, SparseUNet):
                restore_plasticity(module)


def _trained_recipe(weights: Weights, wanted: Sensors, source: str) -> SensorRecipe:
    """Return the recipe of a checkpoint that holds a volume source of the ``wanted`` sensors, alone or among others."""
    trained = weights.recipe
    if not isinstance(trained, SensorRecipe):
        raise ValueError(
            f"{source} (a run of {trained.name}) holds no volume of a vehicle's sensors; give a run of outdoor "
            f"pre-training, such as one of {EXAMPLES[wanted]}, or --encoder scratch"
        )
    if trained.sensors not in (wanted, "fusion"):
        raise ValueError(
            f"{source} (a run of {trained.name}) learned the volume of {WORDS[trained.sensors]}, but here that of "
            f"{WORDS[wanted]} is needed; give a run such as one of {EXAMPLES[wanted]}, or --encoder scratch"
        )
    return trained
