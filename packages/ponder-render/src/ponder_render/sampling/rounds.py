"""Drawing a ray's samples in rounds: each looks where the SDF at the samples before it suggests.

A round's samples are placed in the volume as soon as they are drawn, and their features serve the SDF that guides
the next round and the final evaluation alike. Only evaluated samples are placed; skipped ones remain in the rows,
as free space, so that intervals are the same with and without skipping.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ponder_render.bounds import RaySpan
from ponder_render.density import Anchor
from ponder_render.evaluation.deferred import SampleRays
from ponder_render.evaluation.evaluate import FlatValues, evaluate_sdf_keeping
from ponder_render.evaluation.geometry_pass import Activations
from ponder_render.evaluation.placement import Placement, join_placements, place, place_packed
from ponder_render.field.neural_field import NeuralField
from ponder_render.rays import FieldValues, RayBundle, Samples
from ponder_render.sampling.distances import (
    SamplerConfig,
    around_sensed,
    depth_guided_distances,
    empty_strata,
    importance_distances,
    intervals,
    merge_distances,
    skipped_between,
    uniform_distances,
)
from ponder_render.volume.corners import Border
from ponder_render.volume.feature_volume import FeatureVolume
from ponder_render.volume.occupancy import Occupancy, occupied_strata


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSamples:
    """Sorted samples of every ray, and the evaluated ones in the order in which they were drawn.

    Attributes:
        samples: all, in rows.
        placement: the evaluated ones.
        slot: where in the rows, read ray by ray, each evaluated one belongs.
        free_space: SDF of skipped samples: the diagonal of each ray's box, metres.
        activations: of the SDF network at the first of the evaluated ones, piece by piece.
    """

    samples: Samples
    placement: Placement
    slot: Int[Tensor, " evaluated"]
    free_space: Float[Tensor, " rays"]
    activations: list[Activations]

    def rays(self) -> SampleRays:
        """The ray of each evaluated sample."""
        count, samples = self.samples.distance.shape
        return SampleRays(index=torch.div(self.slot, samples, rounding_mode="floor"), count=count)

    def to_flat(self, rows: Float[Tensor, "rays samples"]) -> Float[Tensor, " evaluated"]:
        """Numbers in rows of sorted samples, at the evaluated ones."""
        return rows.reshape(-1).index_select(0, self.slot)

    def to_rows(self, flat: FlatValues) -> FieldValues:
        """The field's values as rows of sorted samples, one row per ray."""
        rays, samples = self.samples.distance.shape

        def arrange(value: Tensor) -> Tensor:
            rows = value.new_zeros(rays * samples, value.shape[1])
            return rows.index_copy_(0, self.slot, value).view(rays, samples, value.shape[1])

        sdf = self.free_space.repeat_interleave(samples, output_size=rays * samples)
        return FieldValues(
            sdf=sdf.index_copy_(0, self.slot, flat.sdf).view(rays, samples),
            gradient=arrange(flat.gradient),
            color=None if flat.color is None else arrange(flat.color),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRounds:
    """Draws samples of one bundle of rays in one batch of volumes.

    Attributes:
        field: whose SDF guides the importance samples, in the coordinates in which it is rendered.
        occupancy: of the volumes; None evaluates every sample.
        generator: jitters the samples; None places them in the middle of their strata.
        sensed: distance of the sensed surface, for the depth-guided samples; 0 where missing.
        keep: keep the SDF network's activations for the evaluation of the same samples.
    """

    config: SamplerConfig
    field: NeuralField
    volume: FeatureVolume
    border: Border
    rays: RayBundle
    span: RaySpan
    occupancy: Occupancy | None
    generator: torch.Generator | None
    sensed: Float[Tensor, " rays"] | None
    keep: bool

    @torch.no_grad()
    def draw(self, anchor: Anchor) -> DrawnSamples:
        """Uniform, then importance, then depth-guided samples. ``anchor`` is that of the density."""
        config, rounds = self.config, []
        rounds.append(
            self._round(uniform_distances(self.span, config.uniform, self.generator), self._empty())
        )
        known: list[Tensor] = []
        activations: list[Activations] = []
        half_side = 0.5 * self._sides().amax(dim=1)[:, None]
        for step, count in enumerate(config.importance_counts()):
            found, kept = evaluate_sdf_keeping(self.field, rounds[-1].placement, keep=self.keep)
            known.append(rounds[-1].in_rows(found))
            activations.extend(kept)
            distance, order, skipped = _merge(rounds)
            sdf = torch.cat(known, dim=1).gather(1, order)
            sharpness = config.importance_sharpness * 2**step / half_side
            new = importance_distances(distance, sdf, sharpness, count, self.generator, skipped)
            rounds.append(self._follow(rounds, new))
        if self.sensed is not None and config.depth_guided:
            width = config.depth_guided_width
            new = depth_guided_distances(self.span, self.sensed, config.depth_guided, width, self.generator)
            rounds.append(self._follow(rounds, new))
        distance, order, skipped = _merge(rounds)
        return DrawnSamples(
            samples=intervals(distance, self.span, anchor, skipped),
            placement=join_placements([one.placement for one in rounds]),
            slot=_slots(rounds, order),
            free_space=self._sides().norm(dim=1),
            activations=activations,
        )

    def _sides(self) -> Float[Tensor, "rays 3"]:
        """Side lengths of each ray's box, metres."""
        return self.volume.bounds.size.to(self.span.near)[self.rays.volume_index]

    def _empty(self) -> Bool[Tensor, "rays uniform"] | None:
        """Uniform samples that are skipped."""
        if self.occupancy is None:
            return None
        config = self.config
        occupied = occupied_strata(self.rays, self.span, self.occupancy, config.uniform)
        if self.sensed is not None and config.depth_guided:
            width = config.depth_guided_width
            occupied |= around_sensed(self.span, self.sensed, config.uniform, width)
        return empty_strata(occupied, config.keep_empty, self.generator) | ~self.span.hit[:, None]

    def _follow(self, rounds: list["_Round"], new: Float[Tensor, "rays new"]) -> "_Round":
        """A round after the first: skipped where its neighbours are."""
        if self.occupancy is None:
            return self._round(new, None)
        distance, _, skipped = _merge(rounds)
        assert skipped is not None
        return self._round(new, skipped_between(distance, skipped, new))

    def _round(
        self, distance: Float[Tensor, "rays count"], skipped: Bool[Tensor, "rays count"] | None
    ) -> "_Round":
        volume, rays, coordinate = self.volume, self.rays, self.field.config.coordinate
        if skipped is None:
            placement = place(volume, rays, distance, coordinate, self.border)
            return _Round(distance=distance, skipped=None, kept=None, placement=placement)
        kept = (~skipped).reshape(-1).nonzero()[:, 0]
        ray_indices = torch.div(kept, distance.shape[1], rounding_mode="floor")
        at = distance.reshape(-1)[kept]
        placement = place_packed(volume, rays, ray_indices, at, coordinate, self.border)
        return _Round(distance=distance, skipped=skipped, kept=kept, placement=placement)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """Some samples per ray; ``kept`` says where in the flattened rows the placed ones are (None: everywhere)."""

    distance: Float[Tensor, "rays count"]
    skipped: Bool[Tensor, "rays count"] | None
    kept: Int[Tensor, " evaluated"] | None
    placement: Placement

    def in_rows(self, value: Float[Tensor, " evaluated"]) -> Float[Tensor, "rays count"]:
        """Values of the placed samples as rows, 0 for skipped ones."""
        if self.kept is None:
            return value.view_as(self.distance)
        rows = value.new_zeros(self.distance.numel()).index_copy_(0, self.kept, value)
        return rows.view_as(self.distance)


def _merge(
    rounds: list[_Round],
) -> tuple[Float[Tensor, "rays samples"], Int[Tensor, "rays samples"], Bool[Tensor, "rays samples"] | None]:
    """Sorted distances, where in the concatenated rounds each came from, and which are skipped."""
    distance, order = merge_distances([one.distance for one in rounds])
    skipped = [one.skipped for one in rounds if one.skipped is not None]
    return distance, order, torch.cat(skipped, dim=1).gather(1, order) if skipped else None


def _slots(rounds: list[_Round], order: Int[Tensor, "rays samples"]) -> Int[Tensor, " evaluated"]:
    """Where in the sorted rows, read ray by ray, each placed sample belongs."""
    sorted_slot = torch.arange(order.numel(), device=order.device).view_as(order)
    slots = torch.empty_like(order).scatter_(1, order, sorted_slot)
    parts = slots.split([one.distance.shape[1] for one in rounds], dim=1)
    flat = [part.reshape(-1) for part in parts]
    return torch.cat(
        [part if one.kept is None else part[one.kept] for one, part in zip(rounds, flat, strict=True)]
    )
