from pathlib import Path

import numpy as np
import torch
from ponder_data import ColorCameraConfig, RgbdSequence, RgbdSequenceConfig, Scene, project_to_view


def disagreement(scene: Scene) -> tuple[float, float]:
    """Return median depth and mean colour difference between held-out views and the cloud of the others."""
    depths, colors = [], []
    for view in scene.held_out_views:
        seen = project_to_view(scene.coord, view)
        pixel = seen.pixel.round().long()
        u, v = pixel[:, 0], pixel[:, 1]
        inside = (seen.z > 0) & (u >= 0) & (u < view.width) & (v >= 0) & (v < view.height)
        u, v, z, color = u[inside], v[inside], seen.z[inside], scene.color[inside]
        near = (view.depth[v, u] > 0) & ((view.depth[v, u] - z).abs() < 0.1)
        assert near.sum() > 1000
        depths.append((view.depth[v, u] - z)[near].abs())
        colors.append((view.color[v, u] - color)[near].abs())
    return float(torch.cat(depths).median()), float(torch.cat(colors).mean())


def test_the_real_kitchen_is_level_and_its_frames_agree(shared_data: Path) -> None:
    path = shared_data / "rgbd_kitchen"
    scene = RgbdSequence(RgbdSequenceConfig(path=path, split="val", image_width=160))[0]
    assert len(scene.views) == 61
    assert len(scene.held_out_views) == 9
    floor = scene.coord[(scene.normal[:, 2] > 0.95) & (scene.coord[:, 2] < scene.coord[:, 2].min() + 0.15)]
    assert len(floor) > 2000
    # A plane through the floor is horizontal within 1.5 degrees (the walls have a vote too).
    centred = (floor - floor.mean(dim=0)).double()
    normal = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, 0]
    assert normal[2].abs() > np.cos(np.radians(1.5))
    depth, color = disagreement(scene)
    assert depth < 0.03
    # Its colours are not registered to depth; with the Kinect's colour camera they agree far better.
    config = RgbdSequenceConfig(path=path, split="val", image_width=160, color_camera=ColorCameraConfig())
    registered_depth, registered_color = disagreement(RgbdSequence(config)[0])
    assert registered_depth == depth
    assert registered_color < 0.85 * color
