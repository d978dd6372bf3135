"""Norms that are settled: the mean over batches, only where they learn, and only of what they saw."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from ponder_data import Rays
from ponder_tasks.settling import settle_norms
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    coord: Float[Tensor, "points 3"]
    rays: Rays | None = None

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Points":
        return Points(coord=self.coord.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Points":
        return Points(coord=self.coord.pin_memory())


class Norms(nn.Module):
    """One norm that learns, one that is frozen, and one that sees every second batch."""

    def __init__(self) -> None:
        super().__init__()
        self.learning, self.frozen, self.rare = (nn.BatchNorm1d(3) for _ in range(3))
        self.calls = 0
        self.frozen.eval()

    def forward(self, batch: Points, generator: torch.Generator, progress: float) -> Tensor:
        self.calls += 1
        assert not torch.is_grad_enabled()
        out = self.learning(batch.coord) + self.frozen(batch.coord)
        return out + self.rare(batch.coord) if self.calls % 2 == 0 else out


def test_statistics_become_the_mean_over_the_batches_a_norm_sees() -> None:
    torch.manual_seed(0)
    batches = [Points(coord=torch.randn(20, 3) * 3 + 5) for _ in range(5)]
    model = Norms()
    model.learning.running_mean = torch.full((3,), 100.0)
    settle_norms(model, batches, Fabric(accelerator="cpu", devices=1), seed=0)
    means = torch.stack([batch.coord.mean(dim=0) for batch in batches])
    variances = torch.stack([batch.coord.var(dim=0) for batch in batches])
    torch.testing.assert_close(model.learning.running_mean, means.mean(dim=0))
    torch.testing.assert_close(model.learning.running_var, variances.mean(dim=0))
    torch.testing.assert_close(model.rare.running_mean, means[1::2].mean(dim=0))
    assert model.frozen.running_mean is not None
    assert not model.frozen.running_mean.any()
    assert model.learning.momentum == 0.1


def test_without_batches_nothing_changes() -> None:
    model = Norms()
    settle_norms(model, [], Fabric(accelerator="cpu", devices=1), seed=0)
    assert model.learning.running_mean is not None
    assert not model.learning.running_mean.any()
    assert int(model.learning.num_batches_tracked or 0) == 0
