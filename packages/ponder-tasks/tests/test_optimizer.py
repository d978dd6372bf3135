"""The one-cycle schedule, against PyTorch's own where that is defined, and the optimisers."""

import pytest
import torch
from ponder_tasks.muon import Muon
from ponder_tasks.optimizer import OptimizerConfig, build_optimizer, build_schedule, one_cycle
from ponder_tasks.output_layer import OutputLayer
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR


@pytest.mark.parametrize(("steps", "warmup"), [(100, 0.05), (77, 0.3), (500, 0.013)])
def test_the_schedule_is_that_of_pytorch(steps, warmup):
    config = OptimizerConfig(learning_rate=0.01, warmup_fraction=warmup)
    optimizer = build_optimizer(nn.ParameterList([torch.zeros(1)]), config)
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
    optimizer = build_optimizer(nn.ParameterList([torch.zeros(1)]), config)
    schedule = build_schedule(optimizer, config, steps)
    for _ in range(steps):
        assert 0 < schedule.get_last_lr()[0] <= config.learning_rate
        optimizer.step()
        schedule.step()


def test_frozen_parameters_are_left_out():
    frozen = nn.Parameter(torch.zeros(1), requires_grad=False)
    kept = nn.Parameter(torch.zeros(1))
    for kind in ("adamw", "sgd", "muon"):
        optimizer = build_optimizer(nn.ParameterList([frozen, kept]), OptimizerConfig(kind=kind))
        assert [p for group in optimizer.param_groups for p in group["params"]] == [kept]


@pytest.mark.parametrize("kind", ["adamw", "sgd", "muon"])
def test_the_encoder_learns_at_its_own_rate(kind):
    """One step of plain descent directions: what the encoder moves by is the factor times what the head does."""
    torch.manual_seed(0)
    weight, gradient = torch.randn(4, 3), torch.randn(4, 3)
    model = nn.Module()
    model.encoder, model.head = nn.Linear(3, 4, bias=False), nn.Linear(3, 4, bias=False)
    optimizer = build_optimizer(model, OptimizerConfig(kind=kind, encoder_factor=0.25, weight_decay=0.0))
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 2
    for parameter in model.parameters():
        parameter.data.copy_(weight)
        parameter.grad = gradient.clone()
    optimizer.step()
    slow, fast = (parameter.detach() - weight for parameter in model.parameters())
    torch.testing.assert_close(slow, 0.25 * fast, atol=1e-7, rtol=1e-4)


def test_muon_leaves_output_layers_to_adamw():
    """What comes out in metres may not move at the pace of features: of three rows, by a decimetre at a time."""
    torch.manual_seed(0)
    inner, outer = nn.Linear(48, 48, bias=False), OutputLayer(48, 3, zero=True)
    config = OptimizerConfig(kind="muon", learning_rate=2e-2, vector_learning_rate=3e-3, weight_decay=0.3)
    optimizer = build_optimizer(nn.Sequential(inner, outer), config)
    hidden, output = inner.weight, outer.weight
    groups = {group["matrices"]: group["params"] for group in optimizer.param_groups}
    assert [id(p) for p in groups[True]] == [id(hidden)]
    assert [id(p) for p in groups[False]] == [id(output), id(outer.bias)]
    gradient = torch.randn(3, 48)
    output.grad = gradient
    optimizer.step()
    torch.testing.assert_close(output.detach(), -3e-3 * gradient.sign(), rtol=1e-4, atol=1e-7)
    everywhere = Muon(outer.parameters(), learning_rate=2e-2, vector_learning_rate=3e-3)
    before = output.detach().clone()
    everywhere.step()
    features = torch.randn(1000, 48)
    moved = (features @ (output.detach() - before).T).norm(dim=1).mean()
    assert moved > 0.1, "metres for features of unit size"
