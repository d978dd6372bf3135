"""From signed distance to opacity: how much of the light each interval of a ray stops (Eq. 7)."""

from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ponder_render.rays import Samples

Anchor = Literal["start", "middle"]
"""Where in its interval a sample is evaluated: at the start, or near the middle."""


class Density(Protocol):
    """Turns the SDF along rays into the opacity ``alpha_j`` of each interval, in [0, 1]."""

    @property
    def anchor(self) -> Anchor:
        """Where the SDF of an interval has to be evaluated for this density."""
        ...

    def __call__(
        self,
        sdf: Float[Tensor, "rays samples"],
        gradient: Float[Tensor, "rays samples 3"],
        direction: Float[Tensor, "rays 3"],
        samples: Samples,
    ) -> Float[Tensor, "rays samples"]:
        """The opacities, differentiable in ``sdf``, ``gradient`` and the density's own parameters."""
        ...


class NeusConfig(BaseModel):
    """Settings of the NeuS density."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Literal["discrete", "midpoint"] = Field(
        default="discrete",
        description="discrete: Eq. 7 between neighbouring samples; midpoint: both ends of an interval "
        "extrapolated from its sample along the SDF's gradient",
    )
    initial_sharpness: float = Field(
        default=20.0,
        gt=0,
        description="s of Eq. 7 before training, 1 / metre: a surface is about 1 / s thick",
    )


class NeusDensity(nn.Module):
    """NeuS (Eq. 7): ``alpha_j = max((sigma_s(f_j) - sigma_s(f_{j+1})) / sigma_s(f_j), 0)``.

    ``sigma_s(x) = sigmoid(s x)`` with a learned ``s = exp(10 v)`` in 1 / metre. The ratio is taken in
    logarithms and so stays exact, and free of 0 / 0, deep inside solids where ``sigma_s`` underflows.
    """

    def __init__(self, config: NeusConfig) -> None:
        super().__init__()
        self.config = config
        self.variance = nn.Parameter(torch.tensor(config.initial_sharpness).log() / 10)

    @property
    def anchor(self) -> Anchor:
        """The discrete form compares the SDF at interval ends, the other extrapolates from within."""
        return "start" if self.config.form == "discrete" else "middle"

    @property
    def sharpness(self) -> Float[Tensor, ""]:
        """``s`` in 1 / metre."""
        return (10 * self.variance).exp().clamp(1e-6, 1e6)

    def forward(
        self,
        sdf: Float[Tensor, "rays samples"],
        gradient: Float[Tensor, "rays samples 3"],
        direction: Float[Tensor, "rays 3"],
        samples: Samples,
    ) -> Float[Tensor, "rays samples"]:
        """Opacity of each interval; in the discrete form the last one, which nothing follows, has none."""
        if self.config.form == "discrete":
            return neus_opacity(sdf, torch.cat([sdf[:, 1:], sdf[:, -1:]], dim=1), self.sharpness)
        # Only the part of the SDF that falls along the ray closes it.
        slope = torch.einsum("rsk,rk->rs", gradient, direction).clamp(max=0)
        before = sdf + slope * (samples.start - samples.distance)
        after = sdf + slope * (samples.end - samples.distance)
        return neus_opacity(before, after, self.sharpness)


def neus_opacity(
    before: Float[Tensor, "rays samples"],
    after: Float[Tensor, "rays samples"],
    sharpness: Float[Tensor, ""] | Float[Tensor, "rays 1"] | float,
) -> Float[Tensor, "rays samples"]:
    """Eq. 7 for intervals whose SDF goes from ``before`` to ``after`` (metres), with ``s`` in 1 / metre."""
    log_ratio = F.logsigmoid(sharpness * after) - F.logsigmoid(sharpness * before)
    return -torch.expm1(log_ratio.clamp(max=0))
