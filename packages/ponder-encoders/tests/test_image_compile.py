"""Importing the image branch needs no timm, and its dense parts are one graph each for torch.compile.

torch.compile cannot look through the shape checks of these tests, so the modules are imported anew without them.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn


def ours() -> list[str]:
    return [name for name in sys.modules if name.split(".")[0] == "ponder_encoders"]


@pytest.fixture
def fresh_import(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Our package as users import it: from its files, with none of it imported yet."""
    for name in ours():
        monkeypatch.delitem(sys.modules, name)
    finders = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("jaxtyping")]
    monkeypatch.setattr(sys, "meta_path", finders)
    yield
    for name in ours():
        del sys.modules[name]


def check(module: nn.Module, *arguments: Any, read: Callable[[Any], Tensor] = lambda result: result) -> None:
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    found = read(compiled(*arguments))
    torch.testing.assert_close(found, read(module(*arguments)))
    assert found.abs().sum() > 0


@pytest.mark.usefixtures("fresh_import")
def test_importing_needs_no_timm_and_asking_for_a_network_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    import ponder_encoders.image.encoder  # noqa: F401
    from ponder_encoders.image.backbone import ImageBackbone

    with pytest.raises(ImportError, match=r"pip install 'ponder-encoders\[images\]'"):
        ImageBackbone()


@pytest.mark.usefixtures("fresh_import")
def test_pyramid_projection_and_fusion() -> None:
    from ponder_encoders.fusion import VolumeFusion, VolumeFusionConfig
    from ponder_encoders.image.cameras import CameraBatch
    from ponder_encoders.image.projection import ProjectionLift
    from ponder_encoders.image.pyramid import FeaturePyramid, FeaturePyramidConfig
    from ponder_encoders.image.voxel_grid import VoxelGrid

    pose = torch.tensor([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1], [0, 0, 0, 1]])
    cameras = CameraBatch(
        images=torch.rand(1, 2, 3, 45, 67),
        intrinsics=torch.tensor([[40.0, 0, 33], [0, 40, 22], [0, 0, 1]]).expand(1, 2, 3, 3),
        camera_to_world=pose.expand(1, 2, 4, 4),
    )
    grid = VoxelGrid(lower=(0.0, -4.0, -1.0), upper=(8.0, 4.0, 3.0), shape=(8, 8, 4))
    lift = ProjectionLift(grid=grid, stride=8, cells_per_chunk=100)
    check(lift, torch.rand(1, 2, 4, 6, 9), cameras, read=lambda lifted: lifted.volume)
    pyramid = FeaturePyramid((3, 4), (8, 16), FeaturePyramidConfig(channels=6, normalise=True))
    check(pyramid, (torch.rand(1, 2, 3, 6, 9), torch.rand(1, 2, 4, 3, 5)), read=lambda levels: levels[0])
    fusion = VolumeFusion(3, 5, VolumeFusionConfig(channels=8))
    check(fusion, torch.rand(2, 3, 4, 5, 3), torch.rand(2, 5, 4, 5, 3))


@pytest.mark.usefixtures("fresh_import")
@pytest.mark.filterwarnings("ignore:test_convnext starts from random weights")
def test_backbone() -> None:
    pytest.importorskip("timm", reason="timm is not installed (extra images)")
    from ponder_encoders.image.backbone import ImageBackbone, ImageBackboneConfig

    backbone = ImageBackbone(ImageBackboneConfig(name="test_convnext", stages=(0, 1))).eval()
    check(backbone, torch.rand(1, 2, 3, 45, 67), read=lambda levels: levels[1])
