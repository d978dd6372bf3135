"""Encoders that were trained before: from a run folder, a checkpoint folder or a ``model.safetensors`` file."""

from pathlib import Path

from ponder_encoders import SparseUNet

from ponder_tasks.checkpoint import Weights, load_weights
from ponder_tasks.recipe import SegmentRecipe

SCRATCH = "scratch"
ENCODER_PREFIX = "encoder."


def with_encoder(recipe: SegmentRecipe, source: str) -> SegmentRecipe:
    """Return ``recipe`` starting from the encoder in ``source``.

    A trained encoder brings its architecture and the grid it was trained on; both replace those of the recipe, and only
    the choice of the backend stays the recipe's.

    Raises:
        ValueError: when ``source`` holds no readable checkpoint.
    """
    if source == SCRATCH:
        return recipe.model_copy(update={"encoder_source": SCRATCH})
    weights = load_weights(Path(source))
    encoder = weights.recipe.encoder.model_copy(update={"backend": recipe.encoder.backend})
    sample = recipe.sample.model_copy(update={"grid_size": weights.recipe.sample.grid_size})
    return recipe.model_copy(update={"encoder": encoder, "sample": sample, "encoder_source": source})


def load_encoder(source: Path) -> tuple[SparseUNet, Weights]:
    """Return the encoder in ``source`` and the weights file it came from.

    Raises:
        ValueError: when ``source`` holds no readable checkpoint, or one without an encoder.
    """
    weights = load_weights(source)
    encoder = SparseUNet(weights.recipe.encoder)
    load_encoder_weights(encoder, weights)
    return encoder, weights


def load_encoder_weights(encoder: SparseUNet, weights: Weights) -> None:
    """Load the encoder part of ``weights`` into ``encoder``.

    Raises:
        ValueError: when the names or shapes differ.
    """
    tensors = weights.under(ENCODER_PREFIX)
    try:
        encoder.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"{weights.source} does not fit the encoder of the recipe: {reason}") from error
