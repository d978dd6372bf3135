"""The encoder of a reconstruction: the SparseUNet of the recipe, or a network over points in its place."""

from typing import cast

from jaxtyping import Float
from ponder_data import Batch
from ponder_encoders import Dgcnn, DgcnnConfig, PointNet2, PositionBatch, SparseUNet
from torch import Tensor

from ponder_tasks.bridges import encoder_points
from ponder_tasks.encoder_source import SCRATCH
from ponder_tasks.recipe import ReconstructRecipe

PointEncoder = SparseUNet | Dgcnn | PointNet2


def build_encoder(recipe: ReconstructRecipe) -> PointEncoder:
    """Return the recipe's encoder with new weights.

    Raises:
        ValueError: when a network over points is to start from a pre-trained SparseUNet.
    """
    config = recipe.network.point_encoder
    if config is None:
        return SparseUNet(recipe.encoder)
    if recipe.encoder_source != SCRATCH:
        raise ValueError(
            f"network.point_encoder is a {type(config).__name__} and starts from scratch, but the encoder is to come "
            f"from {recipe.encoder_source}; take --encoder scratch, or set network.point_encoder=null"
        )
    return Dgcnn(config) if isinstance(config, DgcnnConfig) else PointNet2(config)


def encode_cells(encoder: PointEncoder, cells: Batch) -> Float[Tensor, "points channels"]:
    """Return the feature of every point of ``cells``, float32; networks over points read their metres."""
    if isinstance(encoder, SparseUNet):
        return cast(Tensor, encoder(encoder_points(cells), cells.datasets)).float()
    batch = PositionBatch(positions=cells.coord, features=cells.features, offsets=cells.offsets)
    features = encoder(batch) if isinstance(encoder, Dgcnn) else encoder.encode_points(batch)
    return features.float()
