"""What the report shows of reconstruction: the noisy points, the surface made of them, and the true one."""

import numpy as np
from jaxtyping import Float
from ponder_data import Surface

from ponder_tasks.reconstruct.evaluation import Reconstructed
from ponder_tasks.reconstruct.shape_mesh import sample_mesh
from ponder_tasks.report.pictures import CloudLayer, CloudPictures

LIGHT = np.array([0.4, -0.5, 0.77]) / np.linalg.norm([0.4, -0.5, 0.77])
CLAY = np.array([0.86, 0.80, 0.72])
INK = np.array([0.25, 0.35, 0.5])
DRAWN = 50_000


def shape_pictures(one: Reconstructed) -> CloudPictures:
    """Return a reconstructed shape as the report takes it: three clouds side by side."""
    found = sample_mesh(one.mesh, DRAWN, np.random.default_rng(0))
    noisy = one.points.numpy().astype(np.float64)
    surface = one.surface
    note = (
        f"In sides of the unit cube. Chamfer-L1 {surface.chamfer_l1:.4f}, F-score {100 * surface.f_score:.1f} % "
        f"within {surface.threshold:g}, normal consistency {surface.normal_consistency:.3f}, "
        f"volumetric IoU {100 * one.iou:.1f} %."
    )
    layers = [CloudLayer(caption="Noisy points", color=np.tile(INK, (len(noisy), 1)), coord=noisy)]
    if len(found.point):
        layers.append(
            CloudLayer(caption="Reconstruction", color=_shaded(found), coord=found.point, predicted=True)
        )
    true = one.shape.surface
    layers.append(CloudLayer(caption="True surface", color=_shaded(true), coord=true.point))
    return CloudPictures(name=one.shape.name, coord=true.point, layers=tuple(layers), note=note)


def _shaded(surface: Surface) -> Float[np.ndarray, "points 3"]:
    """Return clay lit by a lamp and by the sky."""
    light = 0.5 + 0.5 * np.clip(surface.normal @ LIGHT, -0.6, 1)
    return light[:, None] * CLAY
