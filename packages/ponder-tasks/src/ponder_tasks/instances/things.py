"""Things and stuff: which classes are counted in instances."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor


def thing_classes(class_names: Sequence[str], stuff: Sequence[str]) -> Bool[Tensor, " classes"]:
    """Return, for each class, whether it is counted in instances: all but those named in ``stuff``.

    Raises:
        ValueError: when ``stuff`` names a class that is not there, or no thing is left.
    """
    unknown = [name for name in stuff if name not in class_names]
    if unknown:
        raise ValueError(
            f"stuff names {unknown[0]!r}, which is none of the classes {', '.join(class_names)}; correct it"
        )
    things = torch.tensor([name not in stuff for name in class_names], dtype=torch.bool)
    if not bool(things.any()):
        raise ValueError(
            f"all {len(class_names)} classes are stuff, so there are no instances; take some of them out of stuff"
        )
    return things
