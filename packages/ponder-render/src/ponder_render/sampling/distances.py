"""Where to look along rays: uniform, importance and depth-guided samples.

All positions are distances along the ray in the units of its direction (metres for unit directions). With a
``torch.Generator`` samples are jittered within their strata, without one they are the strata's middles and
the same in every call. No gradient flows through positions.
"""

import torch
from jaxtyping import Bool, Float, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_render.bounds import RaySpan
from ponder_render.density import Anchor, neus_opacity
from ponder_render.rays import Samples


class SamplerConfig(BaseModel):
    """How many samples of which kind each ray gets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uniform: int = Field(
        default=48, ge=2, description="stratified samples over the part of the ray inside its box"
    )
    importance: int = Field(
        default=16, ge=0, description="samples near the surface that the uniform ones suggest"
    )
    importance_steps: int = Field(
        default=1, ge=1, description="rounds in which the importance samples are drawn"
    )
    importance_sharpness: float = Field(
        default=64.0,
        gt=0,
        description="s of the first round, per half of the box's longest side; doubled each round",
    )
    depth_guided: int = Field(default=0, ge=0, description="training samples around the sensed distance")
    depth_guided_width: float = Field(default=0.1, gt=0, description="how far from it on either side, metres")
    skip_empty: int | None = Field(
        default=None,
        ge=0,
        description="evaluate the field only where samples lie within this many cells of an input point, or around "
        "the sensed distance with depth-guided samples; None: everywhere",
    )
    keep_empty: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="share of the empty uniform samples that training evaluates all the same, chosen at random, so "
        "that free-space and eikonal losses still reach empty cells",
    )

    @property
    def total(self) -> int:
        """Samples per ray in training; without sensed distances the depth-guided ones fall away."""
        return self.uniform + self.importance + self.depth_guided

    def importance_counts(self) -> tuple[int, ...]:
        """Samples of each round: as even as possible, the last ones larger."""
        steps = self.importance_steps
        counts = tuple((self.importance + step) // steps for step in range(steps))
        return tuple(count for count in counts if count)


def stratified(
    rays: int, count: int, like: Float[Tensor, "..."], generator: torch.Generator | None
) -> Float[Tensor, "{rays} {count}"]:
    """``count`` numbers in (0, 1) per ray, sorted, one in each of as many equal strata."""
    strata = torch.arange(count, dtype=like.dtype, device=like.device)
    if generator is None:
        return ((strata + 0.5) / count).expand(rays, count)
    jitter = torch.rand(rays, count, dtype=like.dtype, device=generator.device, generator=generator)
    return (strata + jitter.to(like.device)) / count


def uniform_distances(
    span: RaySpan, count: int, generator: torch.Generator | None = None
) -> Float[Tensor, "rays {count}"]:
    """Stratified distances between ``near`` and ``far``, sorted."""
    unit = stratified(span.near.shape[0], count, span.near, generator)
    return span.near[:, None] + unit * (span.far - span.near)[:, None]


def importance_distances(
    distance: Float[Tensor, "rays known"],
    sdf: Float[Tensor, "rays known"],
    sharpness: Float[Tensor, "rays 1"],
    count: int,
    generator: torch.Generator | None = None,
    skipped: Bool[Tensor, "rays known"] | None = None,
) -> Float[Tensor, "rays {count}"]:
    """New distances where the SDF at known ones says that the ray meets a surface, sorted (as in NeuS).

    The rendering weights of the intervals between known samples, at a fixed ``sharpness`` (1 / metre) and
    with the steepest credible slope of the SDF, become a distribution that is inverted at ``count`` strata. A
    ray that meets nothing is sampled evenly. Intervals with a ``skipped`` end are free space.
    """
    width = distance[:, 1:] - distance[:, :-1]
    middle = 0.5 * (sdf[:, 1:] + sdf[:, :-1])
    slope = (sdf[:, 1:] - sdf[:, :-1]) / width.clamp(min=1e-6)
    unknown = None if skipped is None else skipped[:, 1:] | skipped[:, :-1]
    if unknown is not None:
        slope = slope.masked_fill(unknown, 0)
    # The steeper of this and the previous interval, so that a thin wall is not stepped over.
    previous = torch.cat([torch.zeros_like(slope[:, :1]), slope[:, :-1]], dim=1)
    half = 0.5 * width * torch.minimum(slope, previous).clamp(-1e3, 0)
    opacity = neus_opacity(middle - half, middle + half, sharpness)
    if unknown is not None:
        opacity = opacity.masked_fill(unknown, 0)
    passed = torch.cumprod(1 - opacity, dim=1)
    weight = opacity * torch.cat([torch.ones_like(passed[:, :1]), passed[:, :-1]], dim=1)
    return _invert(distance, weight + 1e-5, stratified(distance.shape[0], count, distance, generator))


def _invert(
    edges: Float[Tensor, "rays edges"], weight: Float[Tensor, "rays bins"], unit: Float[Tensor, "rays count"]
) -> Float[Tensor, "rays count"]:
    """Invert the piecewise linear distribution function of ``weight`` between ``edges`` at ``unit``."""
    cumulative = torch.cumsum(weight, dim=1)
    target = unit * cumulative[:, -1:]
    index = torch.searchsorted(cumulative, target.contiguous()).clamp(max=weight.shape[1] - 1)
    inside = weight.gather(1, index)
    fraction = ((target - (cumulative.gather(1, index) - inside)) / inside).clamp(0, 1)
    left, right = edges.gather(1, index), edges.gather(1, index + 1)
    return left + fraction * (right - left)


def depth_guided_distances(
    span: RaySpan,
    sensed: Float[Tensor, " rays"],
    count: int,
    width: float,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "rays {count}"]:
    """Stratified distances within ``width`` of the sensed one; over the whole span where that is missing."""
    unit = stratified(span.near.shape[0], count, span.near, generator)
    known = (sensed > 0) & (sensed > span.near - width) & (sensed < span.far + width)
    low = torch.where(known, sensed - width, span.near)
    high = torch.where(known, sensed + width, span.far)
    low = torch.minimum(torch.maximum(low, span.near), span.far)
    high = torch.minimum(torch.maximum(high, span.near), span.far)
    return low[:, None] + unit * (high - low)[:, None]


def empty_strata(
    occupied: Bool[Tensor, "rays strata"],
    keep: float = 0.0,
    generator: torch.Generator | None = None,
) -> Bool[Tensor, "rays strata"]:
    """Strata that need no evaluation: neither they nor their neighbours are occupied.

    An interval runs from one stratum's sample to the next one's, so every interval with an end in an occupied
    stratum keeps both ends. With a generator, a share ``keep`` of the rest is kept too, at random.
    """
    near = occupied.clone()
    near[:, 1:] |= occupied[:, :-1]
    near[:, :-1] |= occupied[:, 1:]
    if generator is not None and keep > 0:
        chance = torch.rand(occupied.shape, device=generator.device, generator=generator)
        near |= chance.to(occupied.device) < keep
    return ~near


def around_sensed(
    span: RaySpan, sensed: Float[Tensor, " rays"], count: int, width: float
) -> Bool[Tensor, "rays {count}"]:
    """Which of ``count`` equal strata reach into the ``width`` metres on either side of the sensed distance."""
    middle = uniform_distances(span, count)
    reach = width + 0.5 * (span.far - span.near)[:, None] / count
    return (sensed > 0)[:, None] & ((middle - sensed[:, None]).abs() <= reach) & span.hit[:, None]


def skipped_between(
    distance: Float[Tensor, "rays known"],
    skipped: Bool[Tensor, "rays known"],
    new: Float[Tensor, "rays new"],
) -> Bool[Tensor, "rays new"]:
    """New distances that fall next to a skipped one, before or behind: they are skipped like it."""
    behind = torch.searchsorted(distance.contiguous(), new.contiguous())
    last = distance.shape[1] - 1
    return skipped.gather(1, behind.clamp(max=last)) | skipped.gather(1, (behind - 1).clamp(min=0))


def merge_distances(
    parts: list[Float[Tensor, "rays _"]],
) -> tuple[Float[Tensor, "rays samples"], Int[Tensor, "rays samples"]]:
    """All distances of each ray in order, and where in the concatenated parts each came from."""
    merged, order = torch.sort(torch.cat(parts, dim=1), dim=1, stable=True)
    return merged, order


def intervals(
    distance: Float[Tensor, "rays samples"],
    span: RaySpan,
    anchor: Anchor = "start",
    skipped: Bool[Tensor, "rays samples"] | None = None,
) -> Samples:
    """Intervals for samples at sorted distances.

    ``start``: each runs from its sample to the next, the last to the far side of the box. ``middle``: they
    meet half-way between samples and cover the span from near to far.
    """
    near, far = span.near[:, None], span.far[:, None]
    if anchor == "start":
        edges = torch.cat([distance, far], dim=1)
    else:
        edges = torch.cat([near, 0.5 * (distance[:, 1:] + distance[:, :-1]), far], dim=1)
    return Samples(start=edges[:, :-1], end=edges[:, 1:], distance=distance, valid=span.hit, skipped=skipped)
