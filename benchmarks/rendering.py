"""A training step of the renderer against the textbook form: one process, the same samples and losses.

The textbook form is what one writes first: a channels-first volume, eight gathers per query, normals by
``autograd.grad(create_graph=True)`` and so a double backward, every sample evaluated from scratch. Both forms
share weights and sample positions; their losses and gradients are compared before anything is timed.

    python benchmarks/rendering.py [--size small|large|deep] [--repeat 5] [--threads 2] [--memory]
"""

import argparse
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from ponder_render import (
    Bounds,
    DenseNetConfig,
    FeatureVolume,
    FieldConfig,
    FieldValues,
    RayBundle,
    RayTargets,
    Rendered,
    RendererConfig,
    RenderingLossConfig,
    SamplerConfig,
    VolumeRenderer,
    intersect,
    rendering_losses,
    to_table,
)
from ponder_render.compositing import accumulate_reference, render_weights_reference
from ponder_render.mlp import HeadMlp, SmoothMlp
from ponder_render.sampling import importance_distances, intervals, merge_distances, uniform_distances
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One setting to measure."""

    rays: int
    shape: tuple[int, int, int]
    channels: int
    field: FieldConfig
    sampler: SamplerConfig


FORMS = ("textbook", "ours", "recomputed")

SIZES = {
    "small": Size(
        rays=384,
        shape=(64, 64, 32),
        channels=32,
        field=FieldConfig(),
        sampler=SamplerConfig(uniform=48, importance=16),
    ),
    "large": Size(
        rays=1280,
        shape=(128, 128, 32),
        channels=128,
        field=FieldConfig(hidden=128, sdf_layers=1, color_layers=0, geometry_channels=64),
        sampler=SamplerConfig(uniform=96, importance=36),
    ),
    "deep": Size(
        rays=1280,
        shape=(128, 128, 32),
        channels=32,
        field=FieldConfig(hidden=32, sdf_layers=6, color_layers=4, geometry_channels=31),
        sampler=SamplerConfig(uniform=72, importance=24),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A volume, a renderer, and rays with their targets."""

    renderer: VolumeRenderer
    volume: FeatureVolume
    rays: RayBundle
    targets: RayTargets


def make_problem(size: Size, recompute: bool = False) -> Problem:
    torch.manual_seed(0)
    config = RendererConfig(
        volume_shape=size.shape,
        dense=DenseNetConfig(channels=size.channels),
        field=size.field,
        sampler=size.sampler,
        recompute=recompute,
    )
    lower, upper = torch.tensor([[-3.2, -3.2, 0.0]]), torch.tensor([[3.2, 3.2, 3.2]])
    coarse = torch.randn(1, size.channels, *(side // 4 for side in size.shape))
    smooth = F.interpolate(coarse, size=size.shape, mode="trilinear")
    volume = FeatureVolume(
        table=to_table(smooth).requires_grad_(),
        shape=size.shape,
        bounds=Bounds(lower=lower, upper=upper),
        count=torch.ones(1, *size.shape, dtype=torch.long),
    )
    direction = F.normalize(torch.randn(size.rays, 3) * torch.tensor([1.0, 1.0, 0.4]), dim=1)
    rays = RayBundle(
        origin=torch.tensor([0.0, 0.0, 1.5]) + 0.5 * torch.randn(size.rays, 3),
        direction=direction,
        volume_index=torch.zeros(size.rays, dtype=torch.long),
    )
    targets = RayTargets(
        color=torch.rand(size.rays, 3),
        distance=1 + torch.rand(size.rays),
        semantic=torch.full((size.rays,), -1),
    )
    return Problem(renderer=VolumeRenderer(config, size.channels), volume=volume, rays=rays, targets=targets)


class Textbook:
    """The same renderer, written as one would first."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        volume = problem.volume
        self.shape, self.bounds = volume.shape, volume.bounds
        self.channels_first = volume.table.detach().t().contiguous().requires_grad_()

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
        return 2 * (position - self.bounds.lower) / self.bounds.size - 1

    def smooth(self, net: SmoothMlp, x: Tensor) -> Tensor:
        for layer in net.hidden:
            x = F.softplus(layer(x), beta=net.beta)
        return net.output(x)

    def positions(self, distance: Tensor) -> Tensor:
        rays = self.problem.rays
        return (rays.origin[:, None] + distance[..., None] * rays.direction[:, None]).reshape(-1, 3)

    def sdf(self, distance: Tensor) -> Tensor:
        position = self.positions(distance)
        field = self.problem.renderer.field
        x = torch.cat([self.coordinate(position), self.query(position)], dim=1)
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
        values = self.evaluate(distance)
        opacity = renderer.density(values.sdf, values.gradient, rays.direction, samples)
        weights = render_weights_reference(torch.where(samples.valid[:, None], opacity, 0.0))
        assert values.color is not None
        return Rendered(
            color=accumulate_reference(weights, values.color),
            distance=(weights * samples.middle).sum(dim=1),
            normal=accumulate_reference(weights, values.gradient),
            semantic=None,
            opacity=weights.sum(dim=1),
            weights=weights,
            samples=samples,
            values=values,
        )

    def evaluate(self, distance: Tensor) -> FieldValues:
        field = self.problem.renderer.field
        position = self.positions(distance).requires_grad_()
        feature, p = self.query(position), self.coordinate(position)
        out = self.smooth(field.geometry_net, torch.cat([p, feature], dim=1))
        (gradient,) = torch.autograd.grad(out[:, 0].sum(), position, create_graph=True)
        normal = gradient * gradient.square().sum(dim=1, keepdim=True).clamp(min=1).rsqrt()
        direction = self.problem.rays.direction[:, None].expand(-1, distance.shape[1], -1).reshape(-1, 3)
        assert isinstance(field.color_head, HeadMlp)
        color = field.color_head(torch.cat([p, feature, direction, normal, out[:, 1:]], dim=1)).sigmoid()
        rays, samples = distance.shape
        return FieldValues(
            sdf=out[:, 0].view(rays, samples),
            gradient=gradient.view(rays, samples, 3),
            color=color.view(rays, samples, 3),
        )


def ours_step(problem: Problem) -> tuple[float, list[Tensor]]:
    rendered = problem.renderer(problem.volume, problem.rays)
    return backward(rendered, problem, problem.volume.table)


def textbook_step(textbook: Textbook) -> tuple[float, list[Tensor]]:
    loss, grads = backward(textbook.render(), textbook.problem, textbook.channels_first)
    return loss, [grads[0].t(), *grads[1:]]


def backward(rendered: Rendered, problem: Problem, table: Tensor) -> tuple[float, list[Tensor]]:
    losses = rendering_losses(rendered, problem.targets, RenderingLossConfig())
    inputs = [table, *problem.renderer.field.parameters(), *problem.renderer.density.parameters()]
    return losses.total.item(), list(torch.autograd.grad(losses.total, inputs))


def compare(problem: Problem) -> str:
    """How far apart losses and gradients of the two forms are."""
    loss, grads = ours_step(problem)
    expected_loss, expected = textbook_step(Textbook(problem))
    worst = max(
        ((a - b).norm() / b.norm().clamp(min=1e-30)).item() for a, b in zip(grads, expected, strict=True)
    )
    return f"loss {loss:.6f} / {expected_loss:.6f}, largest relative difference of a gradient {worst:.1e}"


def in_double(problem: Problem) -> Problem:
    volume, rays, targets = problem.volume, problem.rays, problem.targets
    bounds = Bounds(lower=volume.bounds.lower.double(), upper=volume.bounds.upper.double())
    table = volume.table.detach().double().requires_grad_()
    return Problem(
        renderer=problem.renderer.double(),
        volume=replace(volume, table=table, bounds=bounds),
        rays=replace(rays, origin=rays.origin.double(), direction=rays.direction.double()),
        targets=replace(targets, color=targets.color.double(), distance=targets.distance.double()),
    )


def median_times(steps: Mapping[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    """Median seconds of each step; the steps take turns, so that a busy moment hits all of them."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(repeat + 1):
        for name, step in steps.items():
            begin = time.perf_counter()
            step()
            if turn:
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


def peak_memory(size: str, form: str, threads: int) -> float:
    """GB that one step adds to the peak of a fresh process."""
    command = [sys.executable, __file__, "--size", size, "--threads", str(threads), "--peak", form]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(size: str, form: str) -> None:
    problem = make_problem(SIZES[size], recompute=form == "recomputed")
    textbook = Textbook(problem) if form == "textbook" else None
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    ours_step(problem) if textbook is None else textbook_step(textbook)
    print(resident("VmHWM") - before)


def resident(entry: str) -> float:
    """Resident memory now (VmRSS) or at most (VmHWM), GB; Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(entry)) / 1e6


def measure(name: str, arguments: argparse.Namespace) -> None:
    problem, leaner = make_problem(SIZES[name]), make_problem(SIZES[name], recompute=True)
    textbook = Textbook(problem)
    print(f"{name}: float32 {compare(problem)}")
    steps = {
        "textbook": lambda: textbook_step(textbook),
        "ours": lambda: ours_step(problem),
        "recomputed": lambda: ours_step(leaner),
    }
    seconds = median_times(steps, arguments.repeat)
    for form in FORMS:
        line = f"  {form:10} {seconds[form]:7.3f} s, {seconds['textbook'] / seconds[form]:4.1f} times as fast"
        if arguments.memory:
            line += f", peak +{peak_memory(name, form, arguments.threads):.2f} GB"
        print(line)
    if SIZES[name].rays < 1000:
        print(f"  float64 {compare(in_double(problem))}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=SIZES, action="append")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--memory", action="store_true", help="also measure peaks, each in a process of its own (Linux)"
    )
    parser.add_argument("--peak", choices=FORMS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    names = arguments.size or list(SIZES)
    if arguments.peak:
        print_peak(names[0], arguments.peak)
        return
    print(
        f"{platform.processor() or platform.machine()}, {arguments.threads} threads, torch {torch.__version__}"
    )
    for name in names:
        measure(name, arguments)


if __name__ == "__main__":
    main()
