"""The lifts from images to volumes as a user meets them: devices, precision, order of cameras, bad input."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
import torch
from ponder_encoders.image.bevdepth import BevDepth, BevDepthConfig
from ponder_encoders.image.bevformer import BevFormerLift, BevFormerLiftConfig
from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.depth_bins import DepthBinsConfig
from ponder_encoders.image.lift import Lift
from ponder_encoders.image.lss import LiftSplat, LiftSplatConfig
from ponder_encoders.image.uvtr import UvtrLift, UvtrLiftConfig
from ponder_encoders.image.voxel_grid import VoxelGrid
from pydantic import ValidationError
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

ROWS, COLUMNS, STRIDE, IN, OUT = 4, 6, 8, 8, 5
BINS = DepthBinsConfig(nearest=0.5, farthest=6.5, count=6)
GRID = VoxelGrid(lower=(-4.0, -4.0, -1.0), upper=(4.0, 4.0, 2.0), shape=(8, 6, 3))
AnyLift = LiftSplat | BevDepth | UvtrLift | BevFormerLift
KINDS = ("LiftSplat", "BevDepth", "UvtrLift", "BevFormerLift")
every_lift = pytest.mark.parametrize("kind", KINDS)


def lift_of(kind: str, grid: VoxelGrid = GRID, **sizes: Any) -> AnyLift:
    common: dict[str, Any] = {"in_channels": IN, "out_channels": OUT, **sizes}
    placed: dict[str, Any] = {"grid": grid, "stride": STRIDE, "generator": torch.Generator().manual_seed(0)}
    if kind == "LiftSplat":
        return LiftSplat(LiftSplatConfig(bins=BINS, **common), **placed)
    if kind == "BevDepth":
        return BevDepth(BevDepthConfig(bins=BINS, hidden_channels=8, blocks=1, **common), **placed)
    if kind == "UvtrLift":
        return UvtrLift(UvtrLiftConfig(bins=BINS, **common), **placed)
    narrow = {"channels": 16, "layers": 2, "heads": 4, "heights": 3, "feedforward_channels": 16}
    return BevFormerLift(BevFormerLiftConfig(**{**narrow, **common}), **placed)


def looking(yaw: list[float], batch: int = 1, height: int = ROWS * STRIDE) -> CameraBatch:
    """Cameras at the origin that look along the x axis turned by ``yaw``: right is -y of the world, down is -z."""
    poses = torch.eye(4).repeat(batch, len(yaw), 1, 1)
    for camera, angle in enumerate(torch.tensor(yaw)):
        c, s, zero = angle.cos(), angle.sin(), torch.tensor(0.0)
        forward, right = torch.stack((c, s, zero)), torch.stack((s, -c, zero))
        poses[:, camera, :3, :3] = torch.stack((right, torch.tensor([0.0, 0, -1]), forward), dim=1)
    intrinsics = torch.tensor([[24.0, 0, 23.5], [0, 24, 15.5], [0, 0, 1]])
    return CameraBatch(
        images=torch.zeros(batch, len(yaw), 3, height, COLUMNS * STRIDE),
        intrinsics=intrinsics.expand(batch, len(yaw), 3, 3),
        camera_to_world=poses,
    )


def features_of(batch: int = 1, cameras: int = 3, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, cameras, IN, ROWS, COLUMNS, generator=generator)


AROUND = [0.0, 1.4, -2.1]


@every_lift
def test_volumes_and_gradients(kind: str) -> None:
    lift: Lift = (network := lift_of(kind))
    with (
        torch.no_grad()
    ):  # BEVFormer looks at the same places for every query until it has learned something.
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    features = features_of(batch=2).requires_grad_()
    lifted = lift(features, looking(AROUND, batch=2))
    assert lifted.volume.shape == (2, network.out_channels, *GRID.shape)
    if kind == "BevFormerLift":
        assert lifted.depth_logits is None
    else:
        assert lifted.depth_logits is not None
        assert lifted.depth_logits.shape == (2, 3, 6, ROWS, COLUMNS)
    lifted.volume.square().sum().backward()
    assert features.grad is not None
    assert features.grad.abs().sum(dim=(2, 3, 4)).min() > 0
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@every_lift
def test_the_order_of_cameras_does_not_matter(kind: str) -> None:
    lift, features, cameras = lift_of(kind), features_of(), looking(AROUND)
    turned = looking([AROUND[2], AROUND[0], AROUND[1]])
    torch.testing.assert_close(
        lift(features[:, [2, 0, 1]], turned).volume, lift(features, cameras).volume, atol=1e-5, rtol=1e-5
    )


@every_lift
def test_scenes_of_a_batch_do_not_mix(kind: str) -> None:
    lift, features = lift_of(kind).eval(), features_of(batch=2)
    together = lift(features, looking(AROUND, batch=2)).volume
    alone = [lift(features[i : i + 1], looking(AROUND)).volume for i in range(2)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(alone[0], alone[1])


@every_lift
@pytest.mark.parametrize("where", ["behind", "beside"])
def test_what_no_camera_sees_gets_nothing(kind: str, where: str) -> None:
    behind = where == "behind"
    lower, upper = ((-4.0, -1.0, -1.0), (-1.0, 1.0, 1.0)) if behind else ((0.5, 4.0, -1.0), (3.0, 5.0, 1.0))
    grid = VoxelGrid(lower=lower, upper=upper, shape=(3, 4, 2))
    lift, features = lift_of(kind, grid), features_of(cameras=1).requires_grad_()
    volume = lift(features, looking([0.0])).volume
    assert volume.shape == (1, OUT, 3, 4, 2)
    assert torch.equal(volume, torch.zeros_like(volume))
    volume.sum().backward()
    assert features.grad is not None
    assert torch.equal(features.grad, torch.zeros_like(features))
    # The same voxels, seen by a camera that looks there, do get something.
    assert lift(features, looking([3.14 if behind else 1.3])).volume.abs().sum() > 0


@every_lift
def test_padding_beyond_the_image_gets_and_gives_nothing(kind: str) -> None:
    # 27 rows of pixels are 3.4 cells: the centre of the fourth lies at 27.5, outside.
    lift, cameras = lift_of(kind).eval(), looking(AROUND, height=27)
    features = features_of().requires_grad_()
    lifted = lift(features, cameras)
    lifted.volume.square().sum().backward()
    assert features.grad is not None
    if kind == "LiftSplat":
        assert features.grad[..., 3, :].abs().sum() == 0
    assert features.grad[..., :3, :].abs().sum() > 0


@every_lift
def test_under_autocast(kind: str) -> None:
    lift, features, cameras = lift_of(kind), features_of(), looking(AROUND)
    # Far from the origin half precision would misplace points by metres.
    far = cameras.camera_to_world.clone()
    far[..., :2, 3] += 1000
    cameras = CameraBatch(images=cameras.images, intrinsics=cameras.intrinsics, camera_to_world=far)
    lift.grid = VoxelGrid(lower=(996.0, 996.0, -1.0), upper=(1004.0, 1004.0, 2.0), shape=GRID.shape)
    exact = lift(features, cameras).volume
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = lift(features, cameras).volume
    mixed.float().square().sum().backward()
    for name, parameter in lift.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    assert torch.equal(mixed == 0, exact == 0)
    cosine = torch.nn.functional.cosine_similarity(mixed.float().flatten(), exact.flatten(), dim=0)
    assert cosine > 0.99


@every_lift
def test_the_same_input_gives_the_same_bits(kind: str) -> None:
    outcomes = []
    for _ in range(2):
        lift, features = lift_of(kind), features_of().requires_grad_()
        volume = lift(features, looking(AROUND)).volume
        volume.square().sum().backward()
        outcomes.append((volume, features.grad))
    assert torch.equal(outcomes[0][0], outcomes[1][0])
    assert torch.equal(outcomes[0][1], outcomes[1][1])


def planned(lift: AnyLift, cameras: CameraBatch) -> Any:
    return lift.plan(cameras) if isinstance(lift, BevFormerLift) else lift.plan(cameras, ROWS, COLUMNS)


def lift_planned(lift: AnyLift, features: Tensor, cameras: CameraBatch, plan: Any) -> Tensor:
    if isinstance(lift, BevDepth):
        return lift.lift(features, cameras, plan).volume
    return lift.lift(features, plan).volume


@every_lift
def test_a_plan_can_be_kept(kind: str) -> None:
    lift, cameras = lift_of(kind), looking(AROUND)
    plan = planned(lift, cameras)
    for seed in range(2):
        features = features_of(seed=seed)
        assert torch.equal(lift_planned(lift, features, cameras, plan), lift(features, cameras).volume)


def empty_like(value: Any, make: Callable[[Tensor], Tensor]) -> Any:
    """The same dataclasses with other tensors in them."""
    if isinstance(value, Tensor):
        return make(value)
    if isinstance(value, tuple):
        return tuple(empty_like(item, make) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{f.name: empty_like(getattr(value, f.name), make) for f in fields(value)})
    return value


@every_lift
def test_volumes_stay_on_the_device_of_the_features(kind: str) -> None:
    cameras = looking(AROUND)
    plan = planned(lift_of(kind), cameras)
    with FakeTensorMode(), torch.device("cuda"):

        def on_cuda(tensor: Tensor) -> Tensor:
            return torch.zeros(tensor.shape, dtype=tensor.dtype)

        bins = {} if kind == "BevFormerLift" else {"bins": BINS}
        config = {"in_channels": IN, "out_channels": OUT, **bins}
        lift: AnyLift
        if kind == "LiftSplat":
            lift = LiftSplat(LiftSplatConfig.model_validate(config), grid=GRID, stride=STRIDE)
        elif kind == "BevDepth":
            lift = BevDepth(BevDepthConfig.model_validate(config), grid=GRID, stride=STRIDE)
        elif kind == "UvtrLift":
            lift = UvtrLift(UvtrLiftConfig.model_validate(config), grid=GRID, stride=STRIDE)
        else:
            narrow = BevFormerLiftConfig(in_channels=IN, out_channels=OUT, heights=3)
            lift = BevFormerLift(narrow, grid=GRID, stride=STRIDE)
        features = torch.zeros(1, 3, IN, ROWS, COLUMNS)
        volume = lift_planned(lift, features, empty_like(cameras, on_cuda), empty_like(plan, on_cuda))
        assert volume.device.type == "cuda"
        assert volume.shape == (1, OUT, *GRID.shape)


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """This file with our package imported anew, without the checks of shapes, which cannot be compiled."""
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "ponder_encoders"}
    for name in before:
        monkeypatch.delitem(sys.modules, name)
    finders = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("jaxtyping")]
    monkeypatch.setattr(sys, "meta_path", finders)
    spec = importlib.util.spec_from_file_location("unchecked_lifts", __file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for name in [name for name in sys.modules if name.split(".")[0] == "ponder_encoders"]:
        del sys.modules[name]


# PyTorch's compiler makes an instance of every autograd function, of which PyTorch warns.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@every_lift
def test_the_learned_part_compiles_as_one_graph(kind: str, unchecked: Any) -> None:
    sizes = {"layers": 1, "recompute": False} if kind == "BevFormerLift" else {}
    lift, cameras = unchecked.lift_of(kind, **sizes), unchecked.looking([0.0, 1.4])
    plan = unchecked.planned(lift, cameras)
    outcomes = []
    compiled = torch.compile(unchecked.lift_planned, backend="eager", fullgraph=True)
    for compute in (unchecked.lift_planned, compiled):
        features = unchecked.features_of(cameras=2).requires_grad_()
        volume = compute(lift, features, cameras, plan)
        gradients = torch.autograd.grad(volume.square().sum(), [features, *lift.parameters()])
        outcomes.append((volume, *gradients))
    torch.testing.assert_close(*outcomes)


@every_lift
def test_features_that_do_not_fit_are_refused(kind: str) -> None:
    lift, cameras = lift_of(kind), looking(AROUND)
    with pytest.raises(ValueError, match="this lift reads 8 channels, but features have 7"):
        lift(features_of()[:, :, :7], cameras)
    with pytest.raises(ValueError, match="must be \\(batch, cameras, channels, rows, columns\\)"):
        lift(features_of(cameras=2), cameras)
    with pytest.raises(ValueError, match="an image of 32 pixels has 4 rows of features at stride 8, not 3"):
        lift(features_of()[:, :, :, :3], cameras)


@every_lift
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cpu_and_cuda_agree(kind: str) -> None:
    outcomes = []
    for device in ("cpu", "cuda"):
        lift = lift_of(kind).to(device)
        cameras = empty_like(looking(AROUND), lambda tensor, device=device: tensor.to(device))
        outcomes.append(lift(features_of().to(device), cameras).volume.cpu())
    torch.testing.assert_close(*outcomes, atol=1e-3, rtol=1e-3)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match="a multiple of twice the heads, not 24 for 8 heads"):
        BevFormerLiftConfig(channels=24)
    for config in (LiftSplatConfig, BevDepthConfig, UvtrLiftConfig, BevFormerLiftConfig):
        with pytest.raises(ValidationError):
            config.model_validate({"out_channels": 0})
        with pytest.raises(ValidationError):
            config.model_validate({"width": 3})
