"""What rendering is trained with: the L1 of Eq. 8 and named geometric terms, each with its own weight."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_render.rays import Rendered
from ponder_render.semantics import IGNORE_LABEL, SemanticForm, semantic_error


@dataclass(frozen=True, slots=True, kw_only=True)
class RayTargets:
    """What the sensors measured along each ray.

    Attributes:
        color: in [0, 1].
        distance: sensed distance along the ray, metres; 0 where missing.
        semantic: class from 0; -1 where unknown.
    """

    color: Float[Tensor, "rays 3"]
    distance: Float[Tensor, " rays"]
    semantic: Int[Tensor, " rays"]


class RenderingLossConfig(BaseModel):
    """Weights of the terms, 0 to leave one out, and the truncation of the SDF."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    color: float = Field(default=10.0, ge=0)
    distance: float = Field(default=1.0, ge=0)
    eikonal: float = Field(default=0.01, ge=0)
    near_surface: float = Field(default=10.0, ge=0)
    free_space: float = Field(default=1.0, ge=0)
    semantic: float = Field(default=0.1, ge=0)
    semantic_form: SemanticForm = Field(
        default="classes",
        description="classes: cross-entropy, for heads with an output per class; with embeddings of the classes, "
        "cosine: distance to the class's own; similarity: cross-entropy over the similarities with all",
    )
    temperature: float = Field(
        default=0.07, gt=0, description="of the similarities: smaller tells classes apart more sharply"
    )
    truncation: float = Field(
        default=0.1, gt=0, description="metres around the sensed surface in which the SDF is known"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTerm:
    """One term: its name, its unweighted value and its weight in the total."""

    name: str
    value: Float[Tensor, ""]
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Terms of a loss. ``total`` holds every one of them, so that none can be forgotten."""

    terms: tuple[LossTerm, ...]

    @property
    def total(self) -> Float[Tensor, ""]:
        """The sum of weight times value over all terms.

        Raises:
            ValueError: when there is no term.
        """
        if not self.terms:
            raise ValueError("no loss term is left; give at least one of them a weight above 0")
        return torch.stack([term.weight * term.value for term in self.terms]).sum()

    def named(self) -> dict[str, float]:
        """Unweighted values by name, for logs; waits for the device."""
        values = torch.stack([term.value.detach() for term in self.terms]).tolist() if self.terms else []
        return {term.name: value for term, value in zip(self.terms, values, strict=True)}

    def check_finite(self) -> None:
        """Check every term; waits for the device.

        Raises:
            FloatingPointError: naming the terms that are NaN or infinite.
        """
        broken = [f"{name} = {value}" for name, value in self.named().items() if not _is_finite(value)]
        if broken:
            raise FloatingPointError(
                f"the loss is not finite: {', '.join(broken)}; lower the learning rate, clip gradients or "
                "check the data"
            )


def rendering_losses(
    rendered: Rendered,
    targets: RayTargets,
    config: RenderingLossConfig,
    class_table: Float[Tensor, "classes channels"] | None = None,
) -> Losses:
    """All terms of ``config`` with a weight above 0 for rendered rays.

    Only rays count that cross their box and whose sensed surface, where there is one, lies inside it: no
    other can be explained by the volume. ``color`` and ``distance`` are Eq. 8 (colour averaged over its
    channels), ``near_surface`` and ``free_space`` compare the SDF with the sensed distance, ``eikonal`` holds
    its gradient at unit length and ``semantic`` compares with the rays' classes (see ``semantics.py``), whose
    embeddings are the rows of ``class_table`` where the form uses them. A mean over nothing is 0.

    Raises:
        ValueError: when a target's class is beyond the rendered channels or the table, or the table is missing.
    """
    inside = explainable(rendered, targets)
    sensed = inside & (targets.distance > 0)
    values: dict[str, Tensor] = {}
    if rendered.color is not None:
        values["color"] = masked_mean((rendered.color - targets.color).abs().mean(dim=1), inside)
    values["distance"] = masked_mean((rendered.distance - targets.distance).abs(), sensed)
    values["eikonal"] = eikonal_loss(rendered.values.gradient, rendered.samples.evaluated)
    values["near_surface"] = near_surface_loss(rendered, targets.distance, sensed, config.truncation)
    values["free_space"] = free_space_loss(rendered, targets.distance, sensed, config.truncation)
    if rendered.semantic is not None and config.semantic > 0:
        error = semantic_error(
            rendered.semantic, targets.semantic, config.semantic_form, class_table, config.temperature
        )
        values["semantic"] = masked_mean(error, inside & (targets.semantic != IGNORE_LABEL))
    weights = {name: float(getattr(config, name)) for name in values}
    terms = [LossTerm(name=name, value=value, weight=weights[name]) for name, value in values.items()]
    return Losses(terms=tuple(term for term in terms if term.weight > 0))


def explainable(rendered: Rendered, targets: RayTargets) -> Bool[Tensor, " rays"]:
    """Rays that cross their box before their sensed surface, and whose surface does not lie beyond it."""
    samples = rendered.samples
    within = (targets.distance >= samples.start[:, 0]) & (targets.distance <= samples.end[:, -1])
    return samples.valid & ((targets.distance <= 0) | within)


def eikonal_loss(
    gradient: Float[Tensor, "rays samples 3"], evaluated: Bool[Tensor, "rays samples"]
) -> Float[Tensor, ""]:
    """Mean of ``(|gradient| - 1)^2`` over evaluated samples: an SDF grows by one metre per metre."""
    excess = torch.linalg.vector_norm(gradient, dim=2) - 1
    return masked_mean(excess.square(), evaluated)


def near_surface_loss(
    rendered: Rendered, sensed: Float[Tensor, " rays"], known: Bool[Tensor, " rays"], truncation: float
) -> Float[Tensor, ""]:
    """Mean of ``|sdf - (sensed - t)|`` over samples within ``truncation`` metres of the sensed surface."""
    ahead = sensed[:, None] - rendered.samples.distance
    near = known[:, None] & rendered.samples.evaluated & (ahead.abs() <= truncation)
    return masked_mean((rendered.values.sdf - ahead).abs(), near)


def free_space_loss(
    rendered: Rendered, sensed: Float[Tensor, " rays"], known: Bool[Tensor, " rays"], truncation: float
) -> Float[Tensor, ""]:
    """Mean of ``relu(truncation - sdf)`` over samples more than ``truncation`` metres before the surface."""
    ahead = sensed[:, None] - rendered.samples.distance
    free = known[:, None] & rendered.samples.evaluated & (ahead > truncation)
    return masked_mean(F.relu(truncation - rendered.values.sdf), free)


def masked_mean(value: Float[Tensor, "*shape"], mask: Bool[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Mean of ``value`` where ``mask``, 0 where nothing is left; what is masked gives no gradient."""
    return torch.where(mask, value, torch.zeros_like(value)).sum() / mask.sum().clamp(min=1)


def _is_finite(value: float) -> bool:
    return value - value == 0
