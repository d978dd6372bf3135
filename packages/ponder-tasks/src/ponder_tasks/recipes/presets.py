"""Presets: which labels pre-training uses, as one change to any of its recipes."""

from collections.abc import Callable

from ponder_tasks.pretrain.labels import LabelsConfig
from ponder_tasks.pretrain.released_code import ReleasedCodeConfig
from ponder_tasks.recipe import PretrainRecipe


def label_free(recipe: PretrainRecipe) -> PretrainRecipe:
    """Colour and depth only: no label is read."""
    field = recipe.renderer.field.model_copy(update={"semantic_channels": None})
    renderer = recipe.renderer.model_copy(update={"field": field})
    return _checked(recipe, renderer=renderer, labels=None, released_code=ReleasedCodeConfig())


def labels_2d(recipe: PretrainRecipe) -> PretrainRecipe:
    """Rendered semantics are drawn to the text embedding of each pixel's class (Eq. 9)."""
    labels = LabelsConfig()
    field = recipe.renderer.field.model_copy(update={"semantic_channels": labels.language.channels})
    renderer = recipe.renderer.model_copy(update={"field": field})
    losses = recipe.losses.model_copy(update={"semantic": 0.1, "semantic_form": "cosine"})
    return _checked(recipe, renderer=renderer, losses=losses, labels=labels)


def labels_3d(recipe: PretrainRecipe) -> PretrainRecipe:
    """As ``labels-2d``, and points are told apart by language-guided segmentation (PPT)."""
    return _checked(labels_2d(recipe), labels=LabelsConfig(points=1.0))


def released_code(recipe: PretrainRecipe) -> PretrainRecipe:
    """As the published code trains: its settings of the losses, and its departures from the paper."""
    quirks = ReleasedCodeConfig(
        first_condition_only=True,
        class_zero_ignored=True,
        rays_as_negatives=True,
        language_loss_untrained=True,
    )
    return _checked(labels_3d(recipe), released_code=quirks)


PRESETS: dict[str, Callable[[PretrainRecipe], PretrainRecipe]] = {
    "label-free": label_free,
    "labels-2d": labels_2d,
    "labels-3d": labels_3d,
    "released-code": released_code,
}


def _checked(recipe: PretrainRecipe, **changes: object) -> PretrainRecipe:
    """Return the changed recipe, validated as a whole."""
    return PretrainRecipe.model_validate({**dict(recipe), **changes})
