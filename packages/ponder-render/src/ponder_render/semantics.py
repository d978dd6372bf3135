"""How far the rendered semantics of rays are from their classes (Eq. 9).

Three forms. ``classes``: the head has an output per class. ``cosine`` and ``similarity``: it has the channels of a
text embedding, and a *class table*, data and not a parameter, holds the embedding of each class. The first pulls a ray
towards its class's embedding, the second also tells that from those of the other classes. Every ray is compared with
classes and never with other rays, so that rays of one class are no negatives of each other. Class 0 counts like any
other, -1 is unknown.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

SemanticForm = Literal["classes", "cosine", "similarity"]

IGNORE_LABEL = -1

SMALLEST_NORM = 1e-2
"""Embeddings shorter than this, of rays that hardly hit anything, count as this long: no gradient explodes."""


def semantic_error(
    rendered: Float[Tensor, "rays channels"],
    label: Int[Tensor, " rays"],
    form: SemanticForm,
    class_table: Float[Tensor, "classes table_channels"] | None,
    temperature: float,
) -> Float[Tensor, " rays"]:
    """The error of each ray in the given form; of rays with label -1 it has no meaning.

    Raises:
        ValueError: when the form needs a class table and there is none, the table has other channels than the
            rendered embeddings, or a label lies beyond the classes.
    """
    if form == "classes":
        _check_labels(label, rendered.shape[1], "the semantic head has {} outputs; raise semantic_channels")
        return F.cross_entropy(rendered, label.clamp(min=0).long(), reduction="none")
    if class_table is None:
        raise ValueError(
            f"semantic_form = {form} compares with a class table; hand class_table to rendering_losses, or set "
            "semantic_form = classes"
        )
    if class_table.shape[1] != rendered.shape[1]:
        raise ValueError(
            f"the class table has {class_table.shape[1]} channels but rays render {rendered.shape[1]}; set "
            "semantic_channels to the table's"
        )
    _check_labels(label, class_table.shape[0], "the class table has {} rows; add the missing classes")
    if form == "cosine":
        return cosine_error(rendered, label, class_table)
    return similarity_entropy(rendered, label, class_table, temperature)


def cosine_error(
    rendered: Float[Tensor, "rays channels"],
    label: Int[Tensor, " rays"],
    class_table: Float[Tensor, "classes channels"],
) -> Float[Tensor, " rays"]:
    """``1 - cos(l, e_c)`` for the rendered embedding ``l`` and the embedding ``e_c`` of the ray's class."""
    own = _unit(class_table.to(rendered))[label.clamp(min=0).long()]
    return 1 - (_unit(rendered) * own).sum(dim=1)


def similarity_entropy(
    rendered: Float[Tensor, "rays channels"],
    label: Int[Tensor, " rays"],
    class_table: Float[Tensor, "classes channels"],
    temperature: float,
) -> Float[Tensor, " rays"]:
    """Cross-entropy of the ray's class under ``softmax_k(cos(l, e_k) / temperature)`` over all classes ``k``."""
    similarity = _unit(rendered) @ _unit(class_table.to(rendered)).t()
    return F.cross_entropy(similarity / temperature, label.clamp(min=0).long(), reduction="none")


def _unit(embedding: Float[Tensor, "rows channels"]) -> Float[Tensor, "rows channels"]:
    return embedding / torch.linalg.vector_norm(embedding, dim=1, keepdim=True).clamp(min=SMALLEST_NORM)


def _check_labels(label: Tensor, classes: int, otherwise: str) -> None:
    largest = int(label.max()) if label.numel() else IGNORE_LABEL
    if largest >= classes:
        raise ValueError(f"a ray has class {largest} but {otherwise.format(classes)}")
