"""A training step of the renderer against the textbook form: one process, the same samples and losses.

The textbook form is what one writes first: a channels-first volume, eight gathers per query, normals by
``autograd.grad(create_graph=True)`` and so a double backward, every layer as it stands in the paper, every sample
evaluated from scratch. Both forms share weights and sample positions. Before anything is timed, their losses and
gradients must agree: in float64 on some of the rays to rounding, in float32 on all.

    python benchmarks/render_step.py [--size indoor] [--rounds 5] [--threads 2] [--output FOLDER]
    python benchmarks/render_step.py --growth docs/pictures/render_growth.png
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from measuring import conditions, median_times, peak_of, restart_with_allocator, run_apart
from ponder_render import FieldValues, Rendered, intersect, rendering_losses
from ponder_render.compositing import accumulate_reference, render_weights_reference
from ponder_render.field.mlp import HeadMlp, SmoothMlp
from ponder_render.sampling.distances import (
    importance_distances,
    intervals,
    merge_distances,
    uniform_distances,
)
from render_growth import draw_growth, growth_peaks
from render_problem import SIZES, Problem, Size, make_problem
from torch import Tensor

VARIANTS = ("textbook", "ours", "recomputed", "skipping")
CHECKED_RAYS = 64
DOUBLE_TOLERANCE = 1e-9
SINGLE_TOLERANCE = 5e-3


class Textbook:
    """The same renderer, written as one would first."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        volume = problem.volume
        self.shape, self.bounds = volume.shape, volume.bounds
        self.channels_first = torch.cat(problem.tables(), dim=1).detach().t().contiguous().requires_grad_()

    def step(self) -> tuple[float, list[Tensor]]:
        """Loss and gradients of the volume and all parameters."""
        loss, grads = backward(self.render(), self.problem, [self.channels_first])
        channels = [table.shape[1] for table in self.problem.tables()]
        return loss, [*grads[0].t().split(channels, dim=1), *grads[1:]]

    def query(self, position: Tensor) -> Tensor:
        sides = torch.tensor(self.shape)
        units = (position - self.bounds.lower) / self.bounds.size * sides - 0.5
        low = units.detach().floor()
        fraction = units - low
        feature = torch.zeros((), dtype=position.dtype)
        for corner in [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]:
            offset = torch.tensor(corner)
            x, y, z = torch.minimum((low.long() + offset).clamp(min=0), sides - 1).unbind(1)
            weight = torch.where(offset.bool(), fraction, 1 - fraction).prod(dim=1)
            row = (x * self.shape[1] + y) * self.shape[2] + z
            feature = feature + self.channels_first[:, row] * weight
        return feature.t()

    def coordinate(self, position: Tensor) -> Tensor:
        if self.problem.renderer.field.config.coordinate == "none":
            return position[:, :0]
        return 2 * (position - self.bounds.lower) / self.bounds.size - 1

    def smooth(self, net: SmoothMlp, x: Tensor) -> Tensor:
        for layer in net.hidden:
            x = F.softplus(
                layer(x), beta=net.beta, threshold=40
            )  # the default ends 2e-9 too early for float64
        return net.output(x)

    def positions(self, distance: Tensor) -> Tensor:
        rays = self.problem.rays
        return (rays.origin[:, None] + distance[..., None] * rays.direction[:, None]).reshape(-1, 3)

    def sdf(self, distance: Tensor) -> Tensor:
        position = self.positions(distance)
        field = self.problem.renderer.field
        feature = self.query(position)[:, : field.sdf_channels]
        x = torch.cat([self.coordinate(position), feature], dim=1)
        return self.smooth(field.geometry_net, x)[:, 0].view_as(distance)

    def render(self) -> Rendered:
        problem, renderer = self.problem, self.problem.renderer
        rays, config = problem.rays, renderer.config.sampler
        span = intersect(rays, self.bounds)
        with torch.no_grad():
            uniform = uniform_distances(span, config.uniform)
            sharpness = config.importance_sharpness / (0.5 * self.bounds.size.amax()).expand(len(rays), 1)
            extra = importance_distances(uniform, self.sdf(uniform), sharpness, config.importance)
            distance, _ = merge_distances([uniform, extra])
        samples = intervals(distance, span, renderer.density.anchor)
        values, semantic = self.evaluate(distance)
        opacity = renderer.density(values.sdf, values.gradient, rays.direction, samples)
        weights = render_weights_reference(torch.where(samples.valid[:, None], opacity, 0.0))
        assert values.color is not None
        return Rendered(
            color=accumulate_reference(weights, values.color),
            distance=(weights * samples.middle).sum(dim=1),
            normal=accumulate_reference(weights, values.gradient),
            semantic=None if semantic is None else accumulate_reference(weights, semantic),
            opacity=weights.sum(dim=1),
            weights=weights,
            samples=samples,
            values=values,
        )

    def evaluate(self, distance: Tensor) -> tuple[FieldValues, Tensor | None]:
        field = self.problem.renderer.field
        position = self.positions(distance).requires_grad_()
        feature, p = self.query(position), self.coordinate(position)
        out = self.smooth(field.geometry_net, torch.cat([p, feature[:, : field.sdf_channels]], dim=1))
        (gradient,) = torch.autograd.grad(out[:, 0].sum(), position, create_graph=True)
        normal = gradient * gradient.square().sum(dim=1, keepdim=True).clamp(min=1).rsqrt()
        direction = self.problem.rays.direction[:, None].expand(-1, distance.shape[1], -1).reshape(-1, 3)
        hidden, (rays, samples) = out[:, 1:], distance.shape
        seen = feature[:, -(field.config.appearance_channels or feature.shape[1]) :]
        assert isinstance(field.color_head, HeadMlp)
        color = field.color_head(torch.cat([p, seen, direction, normal, hidden], dim=1)).sigmoid()
        semantic = None
        if field.semantic_head is not None:
            semantic = field.semantic_head(torch.cat([p, seen, normal, hidden], dim=1))
            semantic = semantic.view(rays, samples, -1)
        values = FieldValues(
            sdf=out[:, 0].view(rays, samples),
            gradient=gradient.view(rays, samples, 3),
            color=color.view(rays, samples, 3),
        )
        return values, semantic


def backward(rendered: Rendered, problem: Problem, tables: list[Tensor]) -> tuple[float, list[Tensor]]:
    """Loss and gradients of the volume and all parameters."""
    losses = rendering_losses(rendered, problem.targets, problem.losses, problem.class_table)
    return losses.total.item(), list(torch.autograd.grad(losses.total, [*tables, *problem.parameters()]))


def our_step(problem: Problem) -> tuple[float, list[Tensor]]:
    """``Textbook.step`` by this repository's renderer."""
    return backward(problem.renderer(problem.volume, problem.rays), problem, problem.tables())


def make_step(size: Size, variant: str) -> Callable[[], tuple[float, list[Tensor]]]:
    """One training step in one of ``VARIANTS``."""
    if variant == "textbook":
        return Textbook(make_problem(size)).step
    problem = make_problem(
        size, recompute=variant == "recomputed", skip_empty=1 if variant == "skipping" else None
    )
    return lambda: our_step(problem)


def difference(problem: Problem, loss_tolerance: float, tolerance: float) -> dict[str, float]:
    """How far apart losses and gradients of the two forms are, relative to their size.

    Raises:
        AssertionError: beyond the tolerances.
    """
    loss, grads = our_step(problem)
    expected_loss, expected = Textbook(problem).step()
    off = abs(loss - expected_loss) / abs(expected_loss)
    worst = max(
        ((a - b).norm() / b.norm().clamp(min=1e-30)).item() for a, b in zip(grads, expected, strict=True)
    )
    assert off < loss_tolerance, f"the losses differ by {off:.1e}: {loss} and {expected_loss}"
    assert worst < tolerance, f"a gradient differs by {worst:.1e}"
    return {"loss": off, "gradient": worst}


def measure(name: str, rounds: int, threads: int) -> dict:
    """Differences, median seconds and peak memory of every variant of a size."""
    size = SIZES[name]
    checks = {
        "float64": difference(make_problem(size).first_rays(CHECKED_RAYS).double(), 1e-11, DOUBLE_TOLERANCE),
        "float32": difference(make_problem(size), 1e-4, SINGLE_TOLERANCE),
    }
    seconds = median_times({variant: make_step(size, variant) for variant in VARIANTS}, rounds)
    memory = {
        variant: float(run_apart("--peak", variant, "--size", name, "--threads", str(threads)))
        for variant in VARIANTS
    }
    return {
        "size": name,
        "kept_samples": kept_share(size),
        "differences": checks,
        "seconds": seconds,
        "peak_gb": memory,
    }


def kept_share(size: Size) -> float:
    """Share of the samples that skipping evaluates."""
    problem = make_problem(size, skip_empty=1)
    with torch.no_grad():
        rendered = problem.renderer(problem.volume, problem.rays)
    return rendered.samples.evaluated.float().mean().item()


def table(results: list[dict], machine: dict) -> str:
    """The results in Markdown."""
    lines = [
        ", ".join(f"{name} {value}" for name, value in machine.items()) + ".",
        "",
        "| size | variant | s per step | times as fast | peak GB | of the textbook's |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        seconds, peak = result["seconds"], result["peak_gb"]
        for variant in seconds:
            name = f"{variant} ({result['kept_samples']:.0%} kept)" if variant == "skipping" else variant
            lines.append(
                f"| {result['size']} | {name} | {seconds[variant]:.3f} | "
                f"{seconds['textbook'] / seconds[variant]:.1f} | {peak[variant]:.2f} | "
                f"{peak[variant] / peak['textbook']:.2f} |"
            )
    for result in results:
        checks = result["differences"]
        lines.append("")
        lines.append(
            f"{result['size']}: largest relative difference of a gradient {checks['float64']['gradient']:.0e} in "
            f"float64 ({CHECKED_RAYS} rays), {checks['float32']['gradient']:.0e} in float32; of the loss "
            f"{checks['float64']['loss']:.0e} and {checks['float32']['loss']:.0e}."
        )
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=SIZES, action="append", help="all of them if left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, help="folder for render_step.json and render_step.md")
    parser.add_argument("--growth", type=Path, help="instead, draw how time and memory grow, to this picture")
    parser.add_argument("--peak", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--growth-peaks", choices=VARIANTS, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    names = arguments.size or list(SIZES)
    if not (arguments.peak or arguments.growth_peaks):
        restart_with_allocator()
    torch.set_num_threads(arguments.threads)
    if arguments.peak:
        print(peak_of(make_step(SIZES[names[0]], arguments.peak)))
        return
    if arguments.growth_peaks:
        print(growth_peaks(make_step, arguments.growth_peaks))
        return
    if arguments.growth:
        draw_growth(arguments.growth, make_step, arguments.rounds, arguments.threads)
        return
    results = []
    for name in names:
        results.append(measure(name, arguments.rounds, arguments.threads))
        print(table(results[-1:], conditions()), "\n", flush=True)
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        report = {"conditions": conditions(), "results": results}
        (arguments.output / "render_step.json").write_text(json.dumps(report, indent=2) + "\n")
        (arguments.output / "render_step.md").write_text(table(results, conditions()) + "\n")


if __name__ == "__main__":
    main()
