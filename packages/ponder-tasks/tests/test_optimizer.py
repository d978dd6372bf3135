"""The one-cycle schedule, against PyTorch's own where that is defined, and the optimisers."""

import pytest
import torch
from ponder_tasks.optimizer import OptimizerConfig, build_optimizer, build_schedule, one_cycle
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR


@pytest.mark.parametrize(("steps", "warmup"), [(100, 0.05), (77, 0.3), (500, 0.013)])
def test_the_schedule_is_that_of_pytorch(steps, warmup):
    config = OptimizerConfig(learning_rate=0.01, warmup_fraction=warmup)
    optimizer = build_optimizer([nn.Parameter(torch.zeros(1))], config)
    reference = OneCycleLR(
        optimizer, max_lr=0.01, total_steps=steps, pct_start=warmup, div_factor=10, final_div_factor=1e4,
        cycle_momentum=False,
    )  # fmt: skip
    for step in range(steps):
        assert 0.01 * one_cycle(step, steps, config) == pytest.approx(reference.get_last_lr()[0], rel=1e-9)
        if step + 1 < steps:
            optimizer.step()
            reference.step()


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 20, 40])
def test_every_length_has_a_schedule(steps):
    config = OptimizerConfig()
    optimizer = build_optimizer([nn.Parameter(torch.zeros(1))], config)
    schedule = build_schedule(optimizer, config, steps)
    for _ in range(steps):
        assert 0 < schedule.get_last_lr()[0] <= config.learning_rate
        optimizer.step()
        schedule.step()


def test_frozen_parameters_are_left_out():
    frozen = nn.Parameter(torch.zeros(1), requires_grad=False)
    kept = nn.Parameter(torch.zeros(1))
    for kind in ("adamw", "sgd", "muon"):
        optimizer = build_optimizer([frozen, kept], OptimizerConfig(kind=kind))
        assert [p for group in optimizer.param_groups for p in group["params"]] == [kept]
