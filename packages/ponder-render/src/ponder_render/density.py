"""From signed distance to opacity: how much of the light each interval of a ray stops (Eq. 7).

Three forms behind one protocol: NeuS (Wang et al. 2021), VolSDF (Yariv et al. 2021) and UniSurf (Oechsle et al.
2021). The SDF is in metres, positive in free space. The formulas are pure functions of any shape; the modules
hold the learned sharpness.
"""

from typing import Annotated, Literal, Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, model_validator
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
        progress: float = 1.0,
    ) -> Float[Tensor, "rays samples"]:
        """The opacities, differentiable in ``sdf``, ``gradient`` and the density's own parameters.

        ``progress`` says how much of the training is done, in [0, 1], to densities that change with it.
        """
        ...


class NeusConfig(BaseModel):
    """Settings of the NeuS density."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["neus"] = "neus"
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
    annealing: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the training over which the mid-point form goes over from a slope that also "
        "surfaces seen from behind have to the true one; 0: the true one from the start",
    )

    @model_validator(mode="after")
    def _annealing_needs_a_slope(self) -> "NeusConfig":
        if self.annealing and self.form != "midpoint":
            raise ValueError(
                f"annealing = {self.annealing} has no meaning in the {self.form} form, which uses no slope; "
                "set form = midpoint or annealing = 0"
            )
        return self


class VolsdfConfig(BaseModel):
    """Settings of the VolSDF density."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["volsdf"] = "volsdf"
    initial_beta: float = Field(
        default=0.05, gt=0, description="scale of the Laplace distribution before training, metres"
    )
    minimum_beta: float = Field(default=1e-4, gt=0, description="what beta cannot fall below, metres")

    @model_validator(mode="after")
    def _beta_starts_above_its_minimum(self) -> "VolsdfConfig":
        if self.initial_beta <= self.minimum_beta:
            raise ValueError(
                f"initial_beta = {self.initial_beta} m must lie above minimum_beta = {self.minimum_beta} m"
            )
        return self


class UnisurfConfig(BaseModel):
    """Settings of the UniSurf density."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["unisurf"] = "unisurf"
    initial_sharpness: float = Field(
        default=20.0, gt=0, description="slope of the occupancy's logit before training, 1 / metre"
    )


DensityConfig = Annotated[NeusConfig | VolsdfConfig | UnisurfConfig, Field(discriminator="kind")]
"""One of the densities, told apart by ``kind``."""


class NeusDensity(nn.Module):
    """NeuS (Eq. 7): ``alpha_j = max((sigma_s(f_j) - sigma_s(f_{j+1})) / sigma_s(f_j), 0)``.

    ``sigma_s(x) = sigmoid(s x)`` with a learned ``s = exp(10 v)`` in 1 / metre. The ratio is taken in
    logarithms and so stays exact, and free of 0 / 0, deep inside solids where ``sigma_s`` underflows. Unbiased:
    where a ray enters a surface the weight is largest at the crossing, whatever the angle.
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
        return learned_sharpness(self.variance)

    def forward(
        self,
        sdf: Float[Tensor, "rays samples"],
        gradient: Float[Tensor, "rays samples 3"],
        direction: Float[Tensor, "rays 3"],
        samples: Samples,
        progress: float = 1.0,
    ) -> Float[Tensor, "rays samples"]:
        """Opacity of each interval; in the discrete form the last one, which nothing follows, has none."""
        if self.config.form == "discrete":
            return neus_opacity(sdf, torch.cat([sdf[:, 1:], sdf[:, -1:]], dim=1), self.sharpness)
        cosine = torch.einsum("rsk,rk->rs", gradient, direction)
        slope = closing_slope(cosine, self.annealed(progress))
        before = sdf + slope * (samples.start - samples.distance)
        after = sdf + slope * (samples.end - samples.distance)
        return neus_opacity(before, after, self.sharpness)

    def annealed(self, progress: float) -> float:
        """``a`` of ``closing_slope`` after this share of the training: 1 once annealing is over.

        Raises:
            ValueError: when ``progress`` is not in [0, 1].
        """
        if not 0 <= progress <= 1:
            raise ValueError(
                f"progress = {progress} must be the share of the training that is done, in [0, 1]"
            )
        return 1.0 if self.config.annealing == 0 else min(1.0, progress / self.config.annealing)


class VolsdfDensity(nn.Module):
    """VolSDF: ``alpha_j = 1 - exp(-sigma_j delta_j)``, ``sigma = Psi_beta(-sdf) / beta``, ``Psi`` the Laplace CDF.

    ``beta`` in metres is learned, as ``|b| + minimum_beta``. The interval's length is ``delta_j``, and the SDF is
    evaluated within it: the mid-point rule for the integral of ``sigma``. The weight is largest
    where ``d sigma / d t = sigma^2``: for a plane hit head on 0.27 beta behind it.
    """

    def __init__(self, config: VolsdfConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = nn.Parameter(torch.tensor(config.initial_beta - config.minimum_beta))

    @property
    def anchor(self) -> Anchor:
        """Each interval has the density of its middle."""
        return "middle"

    @property
    def beta(self) -> Float[Tensor, ""]:
        """Scale of the Laplace distribution, metres."""
        return self.scale.abs() + self.config.minimum_beta

    def forward(
        self,
        sdf: Float[Tensor, "rays samples"],
        gradient: Float[Tensor, "rays samples 3"],
        direction: Float[Tensor, "rays 3"],
        samples: Samples,
        progress: float = 1.0,
    ) -> Float[Tensor, "rays samples"]:
        """Opacity of each interval, from its length and the SDF within it; the gradient plays no part."""
        return volsdf_opacity(sdf, samples.end - samples.start, self.beta)


class UnisurfDensity(nn.Module):
    """UniSurf: the occupancy itself is the opacity, ``alpha_j = o_j = sigmoid(-s sdf_j)``, with a learned ``s``.

    ``s = exp(10 v)`` in 1 / metre. The interval's length plays no part, so that the same field looks more opaque
    the denser it is sampled, and the weight is largest before the surface unless ``s`` is large against the
    number of samples per metre.
    """

    def __init__(self, config: UnisurfConfig) -> None:
        super().__init__()
        self.config = config
        self.variance = nn.Parameter(torch.tensor(config.initial_sharpness).log() / 10)

    @property
    def anchor(self) -> Anchor:
        """Each interval has the occupancy of its middle."""
        return "middle"

    @property
    def sharpness(self) -> Float[Tensor, ""]:
        """``s`` in 1 / metre."""
        return learned_sharpness(self.variance)

    def forward(
        self,
        sdf: Float[Tensor, "rays samples"],
        gradient: Float[Tensor, "rays samples 3"],
        direction: Float[Tensor, "rays 3"],
        samples: Samples,
        progress: float = 1.0,
    ) -> Float[Tensor, "rays samples"]:
        """Opacity of each interval, from the SDF within it alone."""
        return unisurf_opacity(sdf, self.sharpness)


def build_density(
    config: NeusConfig | VolsdfConfig | UnisurfConfig,
) -> NeusDensity | VolsdfDensity | UnisurfDensity:
    """The density of ``config``."""
    match config:
        case NeusConfig():
            return NeusDensity(config)
        case VolsdfConfig():
            return VolsdfDensity(config)
        case UnisurfConfig():
            return UnisurfDensity(config)


def learned_sharpness(variance: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """``s = exp(10 v)`` in 1 / metre, within bounds that keep it finite."""
    return (10 * variance).exp().clamp(1e-6, 1e6)


def neus_opacity(
    before: Float[Tensor, "*shape"], after: Float[Tensor, "*shape"], sharpness: Float[Tensor, "..."] | float
) -> Float[Tensor, "*shape"]:
    """Eq. 7 for intervals whose SDF goes from ``before`` to ``after`` (metres), with ``s`` in 1 / metre."""
    log_ratio = F.logsigmoid(sharpness * after) - F.logsigmoid(sharpness * before)
    return -torch.expm1(log_ratio.clamp(max=0))


def closing_slope(cosine: Float[Tensor, "*shape"], annealed: float) -> Float[Tensor, "*shape"]:
    """Slope of the SDF along the ray that NeuS extrapolates with, never above 0.

    ``-((1 - a) relu(1/2 - cosine / 2) + a relu(-cosine))`` with ``a = annealed`` from 0 to 1. At 1 only the part
    of the SDF that falls along the ray closes it. At 0 every surface not seen exactly from behind has a share,
    so that early in training none is stuck for being turned the wrong way.
    """
    slope = cosine.clamp(max=0)
    if annealed < 1:
        slope = annealed * slope - (1 - annealed) * F.relu(0.5 - 0.5 * cosine)
    return slope


def volsdf_opacity(
    sdf: Float[Tensor, "*shape"], length: Float[Tensor, "*shape"], beta: Float[Tensor, ""] | float
) -> Float[Tensor, "*shape"]:
    """``1 - exp(-length Psi_beta(-sdf) / beta)``; all in metres.

    ``Psi_beta(x)`` is ``exp(x / beta) / 2`` below 0 and ``1 - exp(-x / beta) / 2`` above.
    """
    tail = 0.5 * torch.exp(-sdf.abs() / beta)
    return -torch.expm1(-length / beta * torch.where(sdf > 0, tail, 1 - tail))


def unisurf_opacity(
    sdf: Float[Tensor, "*shape"], sharpness: Float[Tensor, ""] | float
) -> Float[Tensor, "*shape"]:
    """``sigmoid(-s sdf)`` with the SDF in metres and ``s`` in 1 / metre."""
    return torch.sigmoid(-sharpness * sdf)
