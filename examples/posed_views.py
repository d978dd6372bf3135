"""Pictures whose cameras are known, and the rays through their pixels.

The world is scaled so that what is shown lies within the unit sphere. Cameras are OpenCV's: x right, y down, z forward.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from ponder_data import MultiViewConfig, MultiViewFolder
from ponder_data.datasets.multi_view import OBJECT
from ponder_render import Bounds, FeatureVolume, RayBundle
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PosedViews:
    """Views of one object; all have the same size.

    Attributes:
        color: (views, height, width, 3), in [0, 1].
        mask: (views, height, width), True where the object is seen.
        distance: (views, height, width), along each pixel's ray, 0 where unknown; None if nothing was measured.
        intrinsics: (views, 3, 3); pixel (x, y) is seen at (x + 1/2, y + 1/2).
        camera_to_world: (views, 4, 4).
    """

    color: Tensor
    mask: Tensor
    distance: Tensor | None
    intrinsics: Tensor
    camera_to_world: Tensor

    def __len__(self) -> int:
        return len(self.color)

    def take(self, views: list[int]) -> "PosedViews":
        """Some of the views."""
        return PosedViews(
            color=self.color[views],
            mask=self.mask[views],
            distance=None if self.distance is None else self.distance[views],
            intrinsics=self.intrinsics[views],
            camera_to_world=self.camera_to_world[views],
        )

    def split(self, every: int) -> tuple["PosedViews", "PosedViews"]:
        """The views to learn from, and every ``every``-th one, held out."""
        held_out = list(range(0, len(self), every))
        return self.take([i for i in range(len(self)) if i % every]), self.take(held_out)

    def strided(self, stride: int) -> "PosedViews":
        """Every ``stride``-th pixel of every view."""
        intrinsics = self.intrinsics.clone()
        intrinsics[:, :2, 2] -= 0.5
        intrinsics[:, :2] /= stride
        intrinsics[:, :2, 2] += 0.5
        return PosedViews(
            color=self.color[:, ::stride, ::stride],
            mask=self.mask[:, ::stride, ::stride],
            distance=None if self.distance is None else self.distance[:, ::stride, ::stride],
            intrinsics=intrinsics,
            camera_to_world=self.camera_to_world,
        )

    def rays(self, view: Tensor, row: Tensor, column: Tensor) -> RayBundle:
        """Rays through pixels; ``view``, ``row`` and ``column`` name one each."""
        pixel = torch.stack([column + 0.5, row + 0.5, torch.ones_like(row, dtype=torch.float32)], dim=1)
        inside_camera = torch.linalg.solve(self.intrinsics[view], pixel[:, :, None])
        direction = (self.camera_to_world[view, :3, :3] @ inside_camera)[:, :, 0]
        return RayBundle(
            origin=self.camera_to_world[view, :3, 3],
            direction=torch.nn.functional.normalize(direction, dim=1),
            volume_index=torch.zeros_like(view),
        )

    def rays_of_view(self, view: int) -> RayBundle:
        """The rays of a whole picture, row by row."""
        row, column = torch.meshgrid(*(torch.arange(n) for n in self.mask.shape[1:]), indexing="ij")
        return self.rays(torch.full((row.numel(),), view), row.reshape(-1), column.reshape(-1))


def read_idr_folder(folder: Path) -> PosedViews:
    """Read the layout of IDR and NeuS, with masks; see `ponder_data.MultiViewFolder`."""
    try:
        views = MultiViewFolder(MultiViewConfig(path=folder, pixel_centers="half")).views()
    except ValueError as error:
        raise SystemExit(
            f"{error} (such a folder is, for instance, a scan of the DTU data as the authors of NeuS provide it)"
        ) from error
    masks = [view.semantic == OBJECT for view in views if view.semantic is not None]
    if len(masks) < len(views):
        raise SystemExit(f"{folder} has no masks in mask/, which this example needs")
    intrinsics = torch.stack([view.intrinsics for view in views])
    intrinsics[:, :2, 2] += 0.5
    return PosedViews(
        color=torch.stack([view.color for view in views]),
        mask=torch.stack(masks),
        distance=None,
        intrinsics=intrinsics,
        camera_to_world=torch.stack([view.camera_to_world for view in views]),
    )


def visual_hull(views: PosedViews, bounds: Bounds, shape: tuple[int, int, int]) -> Tensor:
    """Cells (x, y, z) that no mask excludes, among those in the frame of at least a fifth of the views.

    A cell counts if the object is seen anywhere in a square of pixels as large as the cell.
    """
    size = bounds.size[0] / torch.tensor(shape)
    index = torch.cartesian_prod(*(torch.arange(n) for n in shape))
    centre = torch.cat([bounds.lower[0] + (index + 0.5) * size, torch.ones(len(index), 1)], dim=1)
    kept, seen = torch.ones(len(index), dtype=torch.bool), torch.zeros(len(index), dtype=torch.long)
    height, width = views.mask.shape[1:]
    for mask, intrinsics, pose in zip(views.mask, views.intrinsics, views.camera_to_world, strict=True):
        here = centre @ torch.linalg.inv(pose)[:3].T
        pixel = here @ intrinsics.T
        column, row = (pixel[:, axis] / pixel[:, 2].clamp(min=1e-6) for axis in (0, 1))
        framed = (here[:, 2] > 0.05) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        reach = (
            int(0.87 * float(size.max() * intrinsics[0, 0] / here[:, 2][framed].mean()))
            if framed.any()
            else 0
        )
        wide = (
            torch.nn.functional.max_pool2d(mask[None].float(), 2 * reach + 1, stride=1, padding=reach)[0] > 0
        )
        inside = wide[row.long().clamp(0, height - 1), column.long().clamp(0, width - 1)]
        kept &= inside | ~framed
        seen += framed
    return (kept & (seen >= max(2, len(views) // 5))).view(shape)


def bounds_of(hull: Tensor, bounds: Bounds, margin: float = 0.02) -> Bounds:
    """The smallest box around the hull's cells within ``bounds``."""
    if not bool(hull.any()):
        raise SystemExit("no point is inside all masks: masks and cameras do not belong together")
    cell = bounds.size[0] / torch.tensor(hull.shape)
    index = hull.nonzero()
    lower = bounds.lower[0] + index.amin(dim=0) * cell - margin
    upper = bounds.lower[0] + (index.amax(dim=0) + 1) * cell + margin
    return Bounds(lower=lower[None], upper=upper[None])


def empty_volume(views: PosedViews, bounds: Bounds, longest: int, channels: int) -> FeatureVolume:
    """A volume of zeros over the box whose cells count as filled where the hull is."""
    share = bounds.size[0] / bounds.size[0].amax()
    x, y, z = (max(2, round(longest * float(part))) for part in share)
    hull = visual_hull(views, bounds, (x, y, z))
    return FeatureVolume(
        table=torch.zeros(x * y * z, channels), shape=(x, y, z), bounds=bounds, count=hull.long()[None]
    )
