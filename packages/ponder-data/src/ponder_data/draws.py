"""Random draws from an explicit generator."""

import torch
from jaxtyping import Int
from torch import Tensor


def draw_distinct(population: int, count: int, generator: torch.Generator) -> Int[Tensor, " count"]:
    """Draw ``count`` different numbers of ``range(population)``, in random order, each subset equally likely.

    A few numbers of many are drawn and repeats drawn again, which spares permuting a whole picture for 64
    pixels.

    Raises:
        ValueError: when more numbers are asked for than there are.
    """
    if not 0 <= count <= population:
        raise ValueError(f"cannot draw {count} different numbers out of {population}")
    device = generator.device
    if count * 4 >= population:
        return torch.randperm(population, generator=generator, device=device)[:count]
    chosen = torch.empty(0, dtype=torch.int64, device=device)
    while chosen.shape[0] < count:
        more = torch.randint(population, (count,), generator=generator, device=device)
        chosen = torch.unique(torch.cat((chosen, more)))
    # `unique` sorts: without shuffling before the cut, small numbers would be preferred.
    return chosen[torch.randperm(chosen.shape[0], generator=generator, device=device)[:count]]


def draw_uniform(low: float, high: float, generator: torch.Generator) -> float:
    """Draw a number between ``low`` and ``high``."""
    return low + (high - low) * float(
        torch.rand((), generator=generator, dtype=torch.float64, device=generator.device)
    )


def draw_event(probability: float, generator: torch.Generator) -> bool:
    """Draw whether something happens that does so with ``probability``; nothing is drawn where it is 0 or 1."""
    return probability >= 1.0 or (probability > 0.0 and draw_uniform(0.0, 1.0, generator) < probability)
