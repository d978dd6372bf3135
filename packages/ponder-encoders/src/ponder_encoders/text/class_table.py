"""One unit vector for each class, and how prompts are averaged into it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ponder_encoders.text.prompts import check_names, check_templates, prompts_of

_LENGTH_TOLERANCE = 1e-3


@runtime_checkable
class TextSource(Protocol):
    """What turns prompts into vectors."""

    @property
    def identity(self) -> str:
        """One line that changes whenever the embeddings would: the model and a hash of its weights."""
        ...

    def embed(self, prompts: Sequence[str]) -> Float[Tensor, "prompts channels"]:
        """A vector of any length for each prompt."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTable:
    """The text embedding of each class.

    Attributes:
        names: of the classes, in the order of their labels.
        embeddings: one row for each class, unit length, on the CPU.
        source: where they come from: the model and a hash of its weights, or the file.

    Raises:
        ValueError: blank or repeated names, not one row for each, or rows that are not finite and of unit length.
    """

    names: tuple[str, ...]
    embeddings: Float[Tensor, "classes channels"]
    source: str

    def __post_init__(self) -> None:
        check_names(self.names)
        shape = tuple(self.embeddings.shape)
        if len(shape) != 2 or shape[0] != len(self.names):
            raise ValueError(
                f"{len(self.names)} class names need one row each, but the embeddings are {shape}"
            )
        lengths = self.embeddings.double().norm(dim=1)
        # Written so that NaN is wrong too.
        wrong = [
            f"{name} ({length:.3g})"
            for name, length in zip(self.names, lengths.tolist(), strict=True)
            if not abs(length - 1) <= _LENGTH_TOLERANCE
        ]
        if wrong:
            raise ValueError(f"embeddings must have unit length, unlike those of {', '.join(wrong)}")

    @property
    def channels(self) -> int:
        """Channels of each embedding; the semantic head of a renderer needs as many."""
        return self.embeddings.shape[1]


def average_prompts(
    names: Sequence[str], templates: Sequence[str], source: TextSource
) -> Float[Tensor, "classes channels"]:
    """``e_c = unit(mean_t unit(embed(template_t with name_c)))``, float32.

    The mean is taken over the templates of one class. (The published PonderV2 code reshapes the prompts such
    that each mean runs over several classes.)

    Raises:
        ValueError: no names or templates, repeated or blank names, a template without exactly one ``{}``, or a
            source that returns another number of rows.
    """
    check_names(names)
    check_templates(templates)
    prompts = [prompt for name in names for prompt in prompts_of(name, templates)]
    vectors = source.embed(prompts).detach().float().cpu()
    if vectors.shape[0] != len(prompts):
        raise ValueError(f"{source.identity} returned {vectors.shape[0]} vectors for {len(prompts)} prompts")
    per_class = F.normalize(vectors, dim=1).view(len(names), len(templates), -1)
    return F.normalize(per_class.mean(dim=1), dim=1)
