"""``rooms-features``: pre-training on procedural rooms for the features, where ``rooms`` is for the pictures."""

from ponder_data import AugmentationConfig, ColorJitterConfig, MaskingConfig
from ponder_render import DenseNetConfig, RenderingLossConfig

from ponder_tasks.recipe import PretrainRecipe
from ponder_tasks.recipes.rooms import rooms, small_encoder, small_renderer, small_sample


def rooms_features() -> PretrainRecipe:
    """Return the recipe: cells of half a metre, spread by a single convolution, and decoders that know no position.

    So little can be worked out behind the encoder that it has to describe half a metre of surroundings itself, which
    is what other tasks want of it. The pictures are blurred for the same reason. Hues turn, so that 48 rooms do not
    run out of colours, and colour counts for less.
    """
    recipe, renderer, sample = rooms(), small_renderer(), small_sample()
    field = renderer.field.model_copy(update={"coordinate": "none"})
    dense = DenseNetConfig(kind="conv", channels=64, projected_channels=32)
    augmentation = AugmentationConfig(color=ColorJitterConfig(views=True, hue=1.0))
    changes = {
        "name": "rooms-features",
        "description": "pre-train on procedural rooms for fine-tuning: better features, blurred pictures",
        "encoder": small_encoder(),
        "sample": sample.model_copy(
            update={"augmentation": augmentation, "masking": MaskingConfig(kind="none")}
        ),
        "renderer": renderer.model_copy(
            update={"volume_shape": (12, 12, 6), "normalise_points": True, "dense": dense, "field": field}
        ),
        "losses": RenderingLossConfig(color=3.0, truncation=0.3),
        "trainer": recipe.trainer.model_copy(update={"steps": 480}),
    }
    return recipe.model_copy(update=changes)
