"""Optimisers and the one-cycle schedule."""

import math
from collections.abc import Collection, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from ponder_tasks.muon import Muon
from ponder_tasks.output_layer import output_parameters


class OptimizerConfig(BaseModel):
    """Muon, AdamW, or SGD with Nesterov momentum, under a one-cycle schedule (Smith and Topin, 2019)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["adamw", "sgd", "muon"] = "adamw"
    learning_rate: PositiveFloat = Field(default=2e-3, description="peak of the cycle")
    vector_learning_rate: PositiveFloat = Field(
        default=3e-3,
        description="peak for norms, biases and output layers, which Muon leaves to AdamW; unused by the others",
    )
    encoder_factor: PositiveFloat = Field(
        default=1.0,
        description="learning rates of the encoder over those of the rest: below 1 it forgets less",
    )
    weight_decay: float = Field(default=1e-2, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of SGD and Muon")
    warmup_fraction: float = Field(
        default=0.05, gt=0, lt=1, description="share of the steps that climb to the peak"
    )
    initial_divisor: PositiveFloat = Field(default=10.0, description="peak / first learning rate")
    final_divisor: PositiveFloat = Field(default=1e4, description="first / last learning rate")


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> Optimizer:
    """Return the optimiser of ``config`` over the parameters of ``model`` that want a gradient.

    Those of ``model.encoder``, where there is one, learn at ``config.encoder_factor`` times the rates of the others.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = _optimizer(trained, config, output_parameters(model))
    encoder = getattr(model, "encoder", None)
    if config.encoder_factor != 1.0 and encoder is not None:
        _scale_rates(optimizer, set(encoder.parameters()), config.encoder_factor)
    return optimizer


def _optimizer(
    trained: Sequence[nn.Parameter], config: OptimizerConfig, outputs: Collection[nn.Parameter]
) -> Optimizer:
    if config.kind == "sgd":
        return SGD(
            trained,
            lr=config.learning_rate,
            momentum=config.momentum,
            nesterov=config.momentum > 0,
            weight_decay=config.weight_decay,
        )
    if config.kind == "muon":
        return Muon(
            trained,
            learning_rate=config.learning_rate,
            vector_learning_rate=config.vector_learning_rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            leave=outputs,
        )
    return AdamW(trained, lr=config.learning_rate, weight_decay=config.weight_decay)


def _scale_rates(optimizer: Optimizer, chosen: Collection[nn.Parameter], factor: float) -> None:
    """Put the chosen parameters into groups of their own, whose learning rate is ``factor`` times the old one."""
    for group in tuple(optimizer.param_groups):
        inside = [parameter for parameter in group["params"] if parameter in chosen]
        if not inside:
            continue
        group["params"] = [parameter for parameter in group["params"] if parameter not in chosen]
        optimizer.add_param_group({**group, "params": inside, "lr": group["lr"] * factor})


def build_schedule(optimizer: Optimizer, config: OptimizerConfig, steps: int) -> LRScheduler:
    """Return the one-cycle schedule over ``steps`` optimiser steps; momentum is left alone."""
    return LambdaLR(optimizer, lambda step: one_cycle(step, steps, config))


def one_cycle(step: int, steps: int, config: OptimizerConfig) -> float:
    """Return the learning rate of ``step`` (from 0) as a share of the peak: half a cosine up, half a cosine down.

    It climbs from ``1 / initial_divisor`` over the first ``warmup_fraction`` of the steps, and falls to
    ``1 / (initial_divisor * final_divisor)`` at the last. Runs of any length have one, even of a single step.
    """
    first = 1.0 / config.initial_divisor
    last = first / config.final_divisor
    peak = config.warmup_fraction * steps - 1.0
    if step < peak:
        return _cosine(first, 1.0, step / peak)
    length = steps - 1.0 - max(peak, 0.0)
    return _cosine(1.0, last, min((step - max(peak, 0.0)) / length, 1.0) if length > 0 else 0.0)


def _cosine(start: float, end: float, share: float) -> float:
    """Return the point at ``share`` of half a cosine from ``start`` to ``end``."""
    return end + (start - end) * (1.0 + math.cos(math.pi * share)) / 2.0
