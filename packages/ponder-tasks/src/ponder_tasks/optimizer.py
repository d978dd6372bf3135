"""Optimisers and the one-cycle schedule."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR


class OptimizerConfig(BaseModel):
    """AdamW or SGD with Nesterov momentum, under a one-cycle schedule (Smith and Topin, 2019)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["adamw", "sgd"] = "adamw"
    learning_rate: PositiveFloat = Field(default=2e-3, description="peak of the cycle")
    weight_decay: float = Field(default=1e-2, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of SGD")
    warmup_fraction: float = Field(
        default=0.05, gt=0, lt=1, description="share of the steps that climb to the peak"
    )
    initial_divisor: PositiveFloat = Field(default=10.0, description="peak / first learning rate")
    final_divisor: PositiveFloat = Field(default=1e4, description="first / last learning rate")


def build_optimizer(parameters: Iterable[nn.Parameter], config: OptimizerConfig) -> Optimizer:
    """Return the optimiser of ``config`` over the parameters that want a gradient."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if config.kind == "sgd":
        return SGD(
            trained,
            lr=config.learning_rate,
            momentum=config.momentum,
            nesterov=config.momentum > 0,
            weight_decay=config.weight_decay,
        )
    return AdamW(trained, lr=config.learning_rate, weight_decay=config.weight_decay)


def build_schedule(optimizer: Optimizer, config: OptimizerConfig, steps: int) -> LRScheduler:
    """Return the one-cycle schedule over ``steps`` optimiser steps (cosine, momentum left alone)."""
    return OneCycleLR(
        optimizer,
        max_lr=config.learning_rate,
        total_steps=max(steps, 2),
        pct_start=config.warmup_fraction,
        div_factor=config.initial_divisor,
        final_div_factor=config.final_divisor,
        cycle_momentum=False,
    )
