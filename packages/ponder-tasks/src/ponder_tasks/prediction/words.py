"""What was found, in a few words."""

import torch
from jaxtyping import Int
from torch import Tensor


def counted_words(label: Int[Tensor, " found"], class_names: tuple[str, ...]) -> str:
    """Return how many things of each class there are, the most frequent first, e.g. ``4 chair, 1 table``."""
    counts = torch.bincount(label, minlength=len(class_names))
    order = counts.argsort(descending=True, stable=True).tolist()
    return ", ".join(f"{int(counts[i])} {class_names[i]}" for i in order if counts[i]) or "nothing"
