"""Fit a feature volume and its field to posed pictures, on a CPU, in minutes.

    python examples/fit_views.py dtu FOLDER -o OUT --minutes 5
    python examples/fit_views.py mesh FILE.obj -o OUT

``dtu`` reads a folder in the layout of IDR and NeuS (``image/``, ``mask/``, ``cameras_sphere.npz``). ``mesh`` renders a
mesh from 32 sides, learns it from these pictures (and, unless ``--color-only``, their depth) and compares the surface
found with the true one. Every 8th view is held out. OUT receives ``progress.csv`` (PSNR of the held-out views over
the time spent on training), ``sheet.png`` (real, rendered, depth, normals) and ``mesh.ply``.

Needs ``ponder-render[mesh]`` and Pillow.
"""

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
import trimesh
from mesh_views import compare_surfaces, read_unit_mesh, render_mesh_views
from picture_sheet import depth_picture, normal_picture, over_white, write_sheet
from ponder_render import (
    Bounds,
    DenseNetConfig,
    FieldConfig,
    Losses,
    LossTerm,
    NeusConfig,
    RayBundle,
    RayTargets,
    Rendered,
    RenderedRays,
    RendererConfig,
    RenderingLossConfig,
    SamplerConfig,
    UnisurfConfig,
    VolsdfConfig,
    VolumeRenderer,
    extract_mesh,
    rendering_losses,
    to_table,
)
from posed_views import PosedViews, bounds_of, empty_volume, read_idr_folder, visual_hull
from torch import Tensor

CHANNELS = 8

DENSITIES = {"neus": NeusConfig(), "volsdf": VolsdfConfig(), "unisurf": UnisurfConfig()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long to fit, and how finely.

    Attributes:
        minutes: of training, not counting evaluation.
        steps: at most as many; None for no limit.
        cells: along the volume's longest side, coarse to fine.
        refine: share of the training at which each of the finer volumes takes over.
        rays: in each step.
        evaluations: of the held-out views, besides the first.
    """

    minutes: float
    steps: int | None
    cells: tuple[int, ...] = (32, 64, 128)
    refine: tuple[float, ...] = (0.1, 0.35)
    rays: int = 1024
    evaluations: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What an evaluation found."""

    minutes: float
    step: int
    psnr: float


class Fit:
    """A volume whose cells are parameters, and the renderer that shows it."""

    def __init__(
        self,
        views: PosedViews,
        bounds: Bounds,
        schedule: Schedule,
        density: str,
        seed: int,
        bend: float = 0.005,
    ) -> None:
        torch.manual_seed(seed)
        self.views, self.schedule = views, schedule
        half_side = 0.5 * float(bounds.size.amax())
        config = RendererConfig(
            dense=DenseNetConfig(channels=CHANNELS, projected_channels=None),
            field=FieldConfig(
                hidden=32,
                sdf_layers=1,
                color_layers=2,
                initialisation="sphere",
                initial_half_side=half_side,
                initial_radius=0.6,
                initial_spread=0.05,
            ),
            density=DENSITIES[density],
            # One cell around the hull too: there the masks ask for nothing, and carving begins.
            sampler=SamplerConfig(uniform=64, importance=16, skip_empty=1, keep_empty=0.0),
        )
        self.renderer = VolumeRenderer(config, in_channels=CHANNELS)
        self.losses = RenderingLossConfig(
            color=1, distance=0.5, eikonal=0.05, near_surface=1, free_space=0.5, truncation=0.05
        )
        self.generator = torch.Generator().manual_seed(seed)
        self.inside = views.mask.reshape(-1).nonzero()[:, 0]
        self.level = 0
        self.volume = empty_volume(views, bounds, schedule.cells[0], CHANNELS)
        self.bend = bend
        self._start(0.1 * torch.randn(self.volume.table.shape, generator=self.generator))

    def _start(self, table: Tensor) -> None:
        """Train ``table`` from now on; the networks' moments begin anew with it."""
        self.volume = replace(self.volume, table=table.detach().contiguous().requires_grad_())
        networks = [*self.renderer.field.parameters(), *self.renderer.density.parameters()]
        groups = [{"params": [self.volume.table], "lr": 0.03}, {"params": networks, "lr": 0.003}]
        self.optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99), eps=1e-15, fused=True)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]

    def refine(self, share: float) -> None:
        """Go over to a finer volume, interpolated from the present one, if it is time for it."""
        due = sum(share >= at for at in self.schedule.refine[: len(self.schedule.cells) - 1])
        if due > self.level:
            self.level = due
            finer = empty_volume(self.views, self.volume.bounds, self.schedule.cells[due], CHANNELS)
            wide = F.interpolate(self.volume.channels_first.detach(), size=finer.shape, mode="trilinear")
            self.volume = finer
            self._start(to_table(wide))

    def step(self, share: float) -> Losses:
        """One step on random pixels, three quarters of them inside the masks."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * 0.05**share
        rays, targets, mask = self._draw()
        sensed = targets.distance if self.views.distance is not None else None
        rendered = self.renderer(
            self.volume, rays, generator=self.generator, sensed_distance=sensed, progress=share
        )
        terms = rendering_losses(rendered, targets, self.losses).terms
        opacity = rendered.opacity.clamp(1e-3, 1 - 1e-3)
        silhouette = LossTerm(name="mask", value=F.binary_cross_entropy(opacity, mask), weight=0.1)
        bend = LossTerm(name="bend", value=bending(rendered), weight=self.bend)
        losses = Losses(terms=(*terms, silhouette, bend))
        self.optimizer.zero_grad()
        losses.total.backward()
        self.optimizer.step()
        return losses

    def _draw(self) -> tuple[RayBundle, RayTargets, Tensor]:
        views, count = self.views, self.schedule.rays
        anywhere = torch.randint(views.mask.numel(), (count // 4,), generator=self.generator)
        chosen = torch.randint(len(self.inside), (count - len(anywhere),), generator=self.generator)
        pixel = torch.cat([anywhere, self.inside[chosen]])
        height, width = views.mask.shape[1:]
        view, row, column = pixel // (height * width), pixel // width % height, pixel % width
        mask = views.mask[view, row, column].float()
        targets = RayTargets(
            color=views.color[view, row, column] * mask[:, None],
            distance=torch.zeros(count) if views.distance is None else views.distance[view, row, column],
            semantic=torch.full((count,), -1),
        )
        return views.rays(view, row, column), targets, mask

    def show(self, views: PosedViews, view: int) -> RenderedRays:
        """Render a whole view."""
        return self.renderer.render_chunks(self.volume, views.rays_of_view(view), chunk=8192)

    def psnr(self, views: PosedViews) -> float:
        """Mean over views of the PSNR inside their masks."""
        values = []
        for view in range(len(views)):
            color, mask = self.show(views, view).color, views.mask[view].reshape(-1)
            assert color is not None
            error = (color - views.color[view].reshape(-1, 3))[mask].square().mean()
            values.append(float(-10 * error.log10()))
        return sum(values) / len(values)


def bending(rendered: Rendered) -> Tensor:
    """Mean squared change of the SDF's gradient from sample to sample: bumps that pictures do not ask for."""
    gradient, evaluated = rendered.values.gradient, rendered.samples.evaluated
    pairs = evaluated[:, 1:] & evaluated[:, :-1]
    change = (gradient[:, 1:] - gradient[:, :-1]).square().sum(dim=2)
    return (change * pairs).sum() / pairs.sum().clamp(min=1)


def train(fit: Fit, held_out: PosedViews) -> Iterator[Progress]:
    """Fit until the time or the steps are over; the clock stands still during evaluations."""
    schedule, spent, step, evaluations = fit.schedule, 0.0, 0, 0
    share = 0.0
    while True:
        if share * schedule.evaluations >= evaluations:
            evaluations += 1
            yield Progress(minutes=spent / 60, step=step, psnr=fit.psnr(held_out))
        if share >= 1:
            return
        before = time.perf_counter()
        fit.refine(share)
        losses = fit.step(share)
        if step % 100 == 0:
            losses.check_finite()
        spent, step = spent + time.perf_counter() - before, step + 1
        share = max(spent / 60 / schedule.minutes, step / schedule.steps if schedule.steps else 0.0)
        share = min(share, 1.0)


def write_results(
    fit: Fit, held_out: PosedViews, out: Path, resolution: int, pictures: int
) -> trimesh.Trimesh:
    """Write the picture sheet and the mesh; return the mesh."""
    rows = []
    for view in torch.linspace(0, len(held_out) - 1, min(pictures, len(held_out))).long().tolist():
        seen, mask = fit.show(held_out, view), held_out.mask[view].float()
        color, depth, normal, opacity = (
            part.view(*mask.shape, -1).squeeze(-1)
            for part in (seen.color, seen.distance / seen.opacity.clamp(min=1e-3), seen.normal, seen.opacity)
            if part is not None
        )
        rows.append(
            [
                over_white(held_out.color[view] * mask[..., None], mask).clamp(0, 1),
                (color + 1 - opacity[..., None]).clamp(0, 1),
                depth_picture(depth, opacity),
                normal_picture(normal, opacity, held_out.camera_to_world[view]),
            ]
        )
    write_sheet(rows, out / "sheet.png")
    mesh = extract_mesh(fit.renderer, fit.volume, resolution=resolution).largest_part()
    mesh.export(out / "mesh.ply")
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="source", required=True)
    for name, what in (
        ("dtu", "folder in the layout of IDR and NeuS"),
        ("mesh", "file of a watertight mesh"),
    ):
        command = commands.add_parser(name)
        command.add_argument("path", type=Path, help=what)
        command.add_argument("-o", "--out", type=Path, required=True, help="folder for the results")
        command.add_argument("--minutes", type=float, default=5.0, help="of training")
        command.add_argument("--steps", type=int, help="end after as many steps")
        command.add_argument("--cells", type=int, nargs="+", default=[32, 64, 128], help="coarse to fine")
        command.add_argument("--rays", type=int, default=1024, help="in each step")
        command.add_argument("--density", choices=sorted(DENSITIES), default="neus")
        command.add_argument("--resolution", type=int, default=256, help="of the mesh")
        command.add_argument("--evaluations", type=int, default=10, help="of the held-out views")
        command.add_argument("--stride", type=int, default=4, help="of the pixels evaluated on the way")
        command.add_argument("--pictures", type=int, default=3, help="rows of the sheet")
        # Without depth it would also hold back what has yet to be carved out.
        bend = 0.005 if name == "mesh" else 0.0
        command.add_argument("--bend", type=float, default=bend, help="weight against bumps")
        command.add_argument("--seed", type=int, default=0)
    mesh = commands.choices["mesh"]
    mesh.add_argument("--color-only", action="store_true", help="do not learn from depth")
    mesh.add_argument("--size", type=int, default=200, help="of the pictures, pixels")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    true = None
    if chosen.source == "dtu":
        views, reach = read_idr_folder(chosen.path), 1.5
    else:
        true = read_unit_mesh(chosen.path)
        views, reach = render_mesh_views(true, size=chosen.size), 1.0
        if chosen.color_only:
            views = replace(views, distance=None)
    chosen.out.mkdir(parents=True, exist_ok=True)
    training, held_out = views.split(8)
    everything = Bounds(lower=torch.full((1, 3), -reach), upper=torch.full((1, 3), reach))
    bounds = bounds_of(visual_hull(training, everything, (64, 64, 64)), everything)
    schedule = Schedule(
        minutes=chosen.minutes,
        steps=chosen.steps,
        cells=tuple(chosen.cells),
        rays=chosen.rays,
        evaluations=chosen.evaluations,
    )
    fit = Fit(training, bounds, schedule, chosen.density, chosen.seed, chosen.bend)
    print(f"{len(training)} views to learn from, {len(held_out)} held out; box {bounds.size[0].tolist()}")
    with (chosen.out / "progress.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["minutes", "step", "psnr"])
        print("minutes   step  PSNR of held-out views")
        for found in train(fit, held_out.strided(chosen.stride)):
            table.writerow([f"{found.minutes:.3f}", found.step, f"{found.psnr:.3f}"])
            print(f"{found.minutes:7.2f} {found.step:6d}  {found.psnr:5.2f} dB", flush=True)
    mesh = write_results(fit, held_out, chosen.out, chosen.resolution, chosen.pictures)
    print(f"mesh.ply: {len(mesh.faces)} triangles")
    if true is not None:
        near = compare_surfaces(mesh, true)
        print(
            f"Chamfer-L1 {near.chamfer_l1:.5f} of the unit sphere's radius, F-score {near.f_score:.4f} at "
            f"{near.threshold:.4f}, normal consistency {near.normal_consistency:.4f}"
        )


if __name__ == "__main__":
    main()
