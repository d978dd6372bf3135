"""What lifts compute: known points arrive, and slow loops in float64 give the same numbers and gradients."""

import math
from typing import Any

import pytest
import torch
from ponder_encoders.image.bevdepth import BevDepth, BevDepthConfig
from ponder_encoders.image.bevformer import BevFormerLift, BevFormerLiftConfig
from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.deformable import sample_deformable
from ponder_encoders.image.depth_bins import DepthBinsConfig
from ponder_encoders.image.feature_cells import cast_rays, cell_coordinates
from ponder_encoders.image.lss import LiftSplat, LiftSplatConfig
from ponder_encoders.image.pillar_views import find_pillars
from ponder_encoders.image.spatial_attention import SpatialCrossAttention
from ponder_encoders.image.splat import plan_splat, splat
from ponder_encoders.image.uvtr import UvtrLift, UvtrLiftConfig
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_encoders.image.voxel_sampling import plan_voxel_sampling, sample_voxels
from torch import Tensor

ROWS, COLUMNS, STRIDE, CHANNELS = 3, 4, 8, 3
BINS = DepthBinsConfig(nearest=0.5, farthest=4.5, count=4)
GRID = VoxelGrid(lower=(-2.5, -3.0, -1.0), upper=(3.5, 3.0, 1.0), shape=(6, 4, 2))
FOCAL, CENTER_U, CENTER_V = 20.0, 15.5, 11.5


def cameras_of(count: int = 2, batch: int = 1, dtype: torch.dtype = torch.float64) -> CameraBatch:
    """Tilted cameras near the origin; the first looks along the x axis and is upright, at (0, 0, 0)."""
    generator = torch.Generator().manual_seed(0)
    upright = torch.tensor([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]], dtype=torch.float64)
    poses = torch.eye(4, dtype=torch.float64).repeat(batch, count, 1, 1)
    poses[..., :3, :3] = upright
    for scene in range(batch):
        for camera in range(1, count):
            near = upright + 0.4 * torch.randn(3, 3, generator=generator, dtype=torch.float64)
            u, _, v = torch.linalg.svd(near)
            poses[scene, camera, :3, :3] = u @ torch.diag(torch.tensor([1, 1, torch.det(u @ v)]).to(u)) @ v
            poses[scene, camera, :3, 3] = 0.3 * torch.randn(3, generator=generator, dtype=torch.float64)
    intrinsics = torch.tensor([[FOCAL, 0, CENTER_U], [0, FOCAL, CENTER_V], [0, 0, 1]])
    return CameraBatch(
        images=torch.zeros(batch, count, 3, ROWS * STRIDE, COLUMNS * STRIDE),
        intrinsics=intrinsics.to(dtype).expand(batch, count, 3, 3),
        camera_to_world=poses.to(dtype),
    )


def maps_of(count: int = 2, batch: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    context = torch.randn(batch, count, CHANNELS, ROWS, COLUMNS, generator=generator, dtype=torch.float64)
    logits = torch.randn(batch, count, BINS.count, ROWS, COLUMNS, generator=generator, dtype=torch.float64)
    return context.requires_grad_(), logits.softmax(dim=2).detach().requires_grad_()


def hit(cameras: CameraBatch, scene: int, camera: int, point: Tensor) -> tuple[float, float, float, bool]:
    """Column and row of the feature map, depth, and whether the camera sees a point: with matrices inverted."""
    pose = torch.linalg.inv(cameras.camera_to_world[scene, camera])
    in_camera = pose[:3, :3] @ point + pose[:3, 3]
    depth = in_camera[2].item()
    if depth <= 1e-3:
        return 0.0, 0.0, depth, False
    u, v, _ = (cameras.intrinsics[scene, camera] @ in_camera / depth).tolist()
    seen = -0.5 <= u <= COLUMNS * STRIDE - 0.5 and -0.5 <= v <= ROWS * STRIDE - 0.5
    return (u + 0.5) / STRIDE - 0.5, (v + 0.5) / STRIDE - 0.5, depth, seen


def bilinear(maps: Tensor, x: float | Tensor, y: float | Tensor, *, border: bool) -> Tensor:
    """``maps (channels, rows, columns)`` at one place, with the border continued or zeros around."""
    rows, columns = maps.shape[1:]
    x, y = torch.as_tensor(x, dtype=maps.dtype), torch.as_tensor(y, dtype=maps.dtype)
    if border:
        x, y = x.clamp(0, columns - 1), y.clamp(0, rows - 1)
    result = maps.new_zeros(maps.shape[0])
    left, top = math.floor(x.detach()), math.floor(y.detach())
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < rows and 0 <= column < columns:
                share = (1 - (x - column).abs()) * (1 - (y - row).abs())
                result = result + share * maps[:, row, column]
    return result


def test_rays_and_projection_are_inverse() -> None:
    cameras = cameras_of(3, batch=2)
    rays = cast_rays(cameras, ROWS, COLUMNS, STRIDE)
    for depth in (0.7, 5.0):
        points = rays.origin[:, :, None, None] + depth * rays.direction
        for row, column in ((0, 0), (2, 1), (1, 3)):
            found = hit(cameras, 1, 2, points[1, 2, row, column])
            assert found == (pytest.approx(column), pytest.approx(row), pytest.approx(depth), True)


def test_a_cell_lies_in_the_middle_of_its_pixels() -> None:
    # Pixels 0 to 7 of stride 8 have their middle at 3.5.
    assert cell_coordinates(torch.tensor([3.5, 11.5, -0.5]), 8).tolist() == [0.0, 1.0, -0.5]
    rays = cast_rays(cameras_of(1), ROWS, COLUMNS, STRIDE)
    torch.testing.assert_close(
        rays.direction[0, 0, 2, 3],
        torch.tensor([1, -(27.5 - CENTER_U) / FOCAL, -(19.5 - CENTER_V) / FOCAL], dtype=torch.float64),
    )


def test_splat_by_a_loop() -> None:
    cameras, (context, probability) = cameras_of(2, batch=2), maps_of(2, batch=2)
    plan = plan_splat(cameras, GRID, BINS, rows=ROWS, columns=COLUMNS, stride=STRIDE)
    rays = cast_rays(cameras, ROWS, COLUMNS, STRIDE)
    cells: dict[tuple[int, ...], Tensor] = {}
    for b, n, r, c in torch.cartesian_prod(*map(torch.arange, (2, 2, ROWS, COLUMNS))).tolist():
        for d in range(BINS.count):
            point = (rays.origin[b, n] + (1.0 + d) * rays.direction[b, n, r, c]).tolist()
            index = [
                math.floor((p - low) / size)
                for p, low, size in zip(point, GRID.lower, GRID.cell_size, strict=True)
            ]
            if all(0 <= i < cells_ for i, cells_ in zip(index, GRID.shape, strict=True)):
                term = probability[b, n, d, r, c] * context[b, n, :, r, c]
                cells[(b, *index)] = cells.get((b, *index), torch.zeros(())) + term
    assert len(cells) > 15
    volume = splat(context, probability, plan)
    expected = torch.zeros_like(volume)
    for (b, x, y, z), value in cells.items():
        expected[b, :, x, y, z] = value
    compare(volume, expected, (context, probability))


def compare(volume: Tensor, expected: Tensor, inputs: tuple[Tensor, ...]) -> None:
    """The same numbers, and the same gradients of a random sum of them."""
    torch.testing.assert_close(volume, expected)
    upstream = torch.randn(volume.shape, generator=torch.Generator().manual_seed(3), dtype=volume.dtype)
    found = torch.autograd.grad(volume, inputs, upstream)
    torch.testing.assert_close(found, torch.autograd.grad(expected, inputs, upstream))
    assert all(gradient.abs().sum() > 0 for gradient in found)


@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_voxel_sampling_by_a_loop(reduce: Any) -> None:
    cameras, (context, probability) = cameras_of(2), maps_of(2)
    plan = plan_voxel_sampling(cameras, GRID, BINS, rows=ROWS, columns=COLUMNS, stride=STRIDE, reduce=reduce)
    rows, counts = [], []
    for point in GRID.centers().double():
        terms = []
        for n in range(2):
            x, y, depth, seen = hit(cameras, 0, n, point)
            if seen and BINS.nearest <= depth <= BINS.farthest:
                bin_ = min(max(depth - 1.0, 0.0), BINS.count - 1.0)  # centres lie at 1, 2, 3, 4 m
                low = min(math.floor(bin_), BINS.count - 2)
                of_bins = bilinear(probability[0, n], x, y, border=True)
                chance = (1 - bin_ + low) * of_bins[low] + (bin_ - low) * of_bins[low + 1]
                terms.append(chance * bilinear(context[0, n], x, y, border=True))
        counts.append(len(terms))
        total = torch.stack(terms).sum(dim=0) if terms else torch.zeros(CHANNELS, dtype=torch.float64)
        rows.append(total / max(len(terms), 1) if reduce == "mean" else total)
    assert set(counts) == {0, 1, 2}
    expected = torch.stack(rows).view(1, *GRID.shape, CHANNELS).permute(0, 4, 1, 2, 3)
    compare(sample_voxels(context, probability, plan), expected, (context, probability))


def test_deformable_sampling_by_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    value = torch.randn(2, CHANNELS, ROWS, COLUMNS, generator=generator, dtype=torch.float64).requires_grad_()
    location = (torch.rand(5, 2, 3, 2, generator=generator, dtype=torch.float64) * 6 - 1).requires_grad_()
    weight = torch.rand(5, 2, 3, generator=generator, dtype=torch.float64).requires_grad_()
    expected = torch.stack(
        [
            torch.cat(
                [
                    sum(
                        (
                            weight[q, h, p] * bilinear(value[h], *location[q, h, p], border=False)
                            for p in range(3)
                        ),
                        torch.zeros(CHANNELS, dtype=torch.float64),
                    )
                    for h in range(2)
                ]
            )
            for q in range(5)
        ]
    )
    compare(sample_deformable(value, location, weight), expected, (value, location, weight))
    assert torch.autograd.gradcheck(sample_deformable, (value, location, weight))


def attention_of(queries_per_chunk: int = 7, recompute: bool = True) -> SpatialCrossAttention:
    attention = SpatialCrossAttention(
        CHANNELS,
        8,
        heads=2,
        heights=2,
        points=2,
        queries_per_chunk=queries_per_chunk,
        recompute=recompute,
        generator=torch.Generator().manual_seed(0),
    ).double()
    with torch.no_grad():
        for parameter in attention.parameters():
            noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
            parameter += 0.2 * noise
    return attention


def test_spatial_attention_by_a_loop() -> None:
    cameras, (features, _), attention = cameras_of(2), maps_of(2), attention_of()
    pillars = GRID.shape[0] * GRID.shape[1]
    generator = torch.Generator().manual_seed(2)
    query = torch.randn(1, pillars, 8, generator=generator, dtype=torch.float64).requires_grad_()
    value = attention.value(features[0]).unflatten(1, (2, 4))
    rows = []
    for pillar in range(pillars):
        x, y = (index + 0.5 for index in divmod(pillar, GRID.shape[1]))
        offsets = attention.places.offsets(query[0, pillar]).view(2, 2, 2, 2)
        logits = attention.places.weights(query[0, pillar]).view(2, 2, 2)
        seen_by = []
        for n in range(2):
            places = [
                hit(cameras, 0, n, torch.tensor([x - 2.5, y * 1.5 - 3, z], dtype=torch.float64))
                for z in (-0.5, 0.5)
            ]
            if not any(place[3] for place in places):
                continue
            heads = []
            for h in range(2):
                pairs = [(k, p) for k in range(2) for p in range(2) if places[k][3]]
                weights = torch.stack([logits[h, k, p] for k, p in pairs]).softmax(dim=0)
                head = torch.zeros(4, dtype=torch.float64)
                for w, (k, p) in zip(weights, pairs, strict=True):
                    column, row = places[k][0] + offsets[h, k, p, 0], places[k][1] + offsets[h, k, p, 1]
                    head = head + w * bilinear(value[n, h], column, row, border=False)
                heads.append(head)
            seen_by.append(torch.cat(heads))
        rows.append(sum(seen_by, torch.zeros(8, dtype=torch.float64)) / max(len(seen_by), 1))
    expected = attention.output(torch.stack(rows))[None]
    views = find_pillars(cameras, GRID, heights=2, stride=STRIDE)
    assert views.seen.any()
    assert not views.seen.all()
    compare(attention(query, features, views), expected, (query, features, *attention.parameters()))


def test_chunks_and_recomputing_change_nothing() -> None:
    cameras, (features, _) = cameras_of(2), maps_of(2)
    views = find_pillars(cameras, GRID, heights=2, stride=STRIDE)
    query = torch.randn(1, 24, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    outcomes = []
    for attention in (attention_of(1000, False), attention_of(1000, True), attention_of(3, False)):
        result = attention(query, features, views)
        outcomes.append((result, *torch.autograd.grad(result.square().sum(), list(attention.parameters()))))
    for other in outcomes[1:]:
        torch.testing.assert_close(other, outcomes[0])


def read_maps(lift: LiftSplat | UvtrLift) -> None:
    """Make a lift take depth logits from its first channels and context from the rest."""
    with torch.no_grad():
        lift.depth_net.layer.weight.copy_(torch.eye(BINS.count + CHANNELS)[:, :, None, None])


IN = BINS.count + CHANNELS
VALUE = torch.tensor([1.0, -2.0, 3.0])


def test_a_known_point_arrives_in_its_voxel_by_splatting() -> None:
    lift = LiftSplat(
        LiftSplatConfig(in_channels=IN, out_channels=CHANNELS, bins=BINS), grid=GRID, stride=STRIDE
    )
    read_maps(lift)
    # Row 0, column 2 has its centre at pixel (19.5, 3.5): at 2 m, 0.4 m to the right (-y) and 0.8 m up.
    features = torch.zeros(1, 1, IN, ROWS, COLUMNS)
    features[0, 0, 1, 0, 2] = 1000.0
    features[0, 0, BINS.count :, 0, 2] = VALUE
    volume = lift(features, cameras_of(1, dtype=torch.float32)).volume
    torch.testing.assert_close(volume[0, :, 4, 1, 1], VALUE)
    volume[0, :, 4, 1, 1] = 0
    assert volume.abs().sum() == 0


def test_a_known_point_arrives_in_its_voxel_by_projection() -> None:
    grid = VoxelGrid(lower=(0.5, -2.0, -2.0), upper=(4.5, 2.0, 2.0), shape=(4, 5, 5))
    lift = UvtrLift(
        UvtrLiftConfig(in_channels=IN, out_channels=CHANNELS, bins=BINS), grid=grid, stride=STRIDE
    )
    read_maps(lift)
    # The voxel (1, 1, 2) has its centre at (2, -0.8, 0), seen at pixel (23.5, 11.5): column 2.5, row 1.
    features = torch.zeros(1, 1, IN, ROWS, COLUMNS)
    features[0, 0, 1, 1, 2:] = 1000.0
    features[0, 0, BINS.count :, 1, 2:] = VALUE[:, None]
    volume = lift(features, cameras_of(1, dtype=torch.float32)).volume
    torch.testing.assert_close(volume[0, :, 1, 1, 2], VALUE)
    # Where nothing is painted, or at another depth along the same ray, nothing arrives: x = 4, y = -1.6.
    assert volume[0, :, [0, 2, 3]].abs().max() < 0.3 * VALUE.abs().max()
    assert volume[0, :, 3, 0, 2].abs().sum() == 0
    assert volume[0, :, 1, 3, 2].abs().sum() == 0


def test_a_known_point_arrives_in_its_pillar_by_attention() -> None:
    config = BevFormerLiftConfig(
        in_channels=CHANNELS, out_channels=2, channels=8, heads=2, heights=2, points=1, layers=1
    )
    lift = BevFormerLift(config, grid=GRID, stride=STRIDE, generator=torch.Generator().manual_seed(0))
    for layer in lift.layers:
        torch.nn.init.zeros_(layer.attention.places.offsets.bias)  # type: ignore[union-attr,arg-type]
    cameras = cameras_of(2)
    single = CameraBatch(
        images=cameras.images,
        intrinsics=cameras.intrinsics.float(),
        camera_to_world=cameras.camera_to_world.float(),
    )
    features = torch.zeros(1, 2, CHANNELS, ROWS, COLUMNS)
    painted = features.clone()
    painted[0, 0, :, 1, 2] = VALUE
    changed = (lift(painted, single).volume - lift(features, single).volume).abs().amax(dim=(0, 1, 4)) > 1e-6
    expected = torch.zeros_like(changed)
    for x in range(GRID.shape[0]):
        for y in range(GRID.shape[1]):
            for z in (-0.5, 0.5):
                point = torch.tensor([x - 2.0, (y + 0.5) * 1.5 - 3, z], dtype=torch.float64)
                column, row, _, seen = hit(cameras, 0, 0, point)
                expected[x, y] |= seen and abs(column - 2) < 1 and abs(row - 1) < 1
    assert expected.any()
    assert torch.equal(changed, expected)


def test_bevdepth_knows_its_lens() -> None:
    config = BevDepthConfig(in_channels=IN, out_channels=CHANNELS, bins=BINS, hidden_channels=8, blocks=1)
    lift = BevDepth(config, grid=GRID, stride=STRIDE, generator=torch.Generator().manual_seed(0)).eval()
    features = torch.randn(1, 1, IN, ROWS, COLUMNS, generator=torch.Generator().manual_seed(0))
    cameras = cameras_of(1, dtype=torch.float32)
    longer = cameras.intrinsics.clone()
    longer[..., 0, 0] *= 2
    other = CameraBatch(images=cameras.images, intrinsics=longer, camera_to_world=cameras.camera_to_world)
    usual = lift(features, cameras).depth_logits
    assert usual is not None
    assert not torch.allclose(usual, lift(features, other).depth_logits)


@pytest.mark.parametrize("kind", ["splat", "uvtr", "bevformer"])
def test_gradients_of_whole_lifts(kind: str) -> None:
    grid = VoxelGrid(lower=(0.0, -2.0, -1.0), upper=(4.0, 2.0, 1.0), shape=(2, 2, 1))
    placed: dict[str, Any] = {"grid": grid, "stride": 16, "generator": torch.Generator().manual_seed(0)}
    sizes: dict[str, Any] = {"in_channels": 2, "out_channels": 2}
    if kind == "splat":
        lift = LiftSplat(LiftSplatConfig(bins=BINS, **sizes), **placed)
    elif kind == "uvtr":
        lift = UvtrLift(UvtrLiftConfig(bins=BINS, **sizes), **placed)
    else:
        narrow = BevFormerLiftConfig(
            channels=4, heads=2, layers=1, heights=2, points=1, feedforward_channels=4, **sizes
        )
        lift = BevFormerLift(narrow, **placed)
    lift.double()
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 2, 2, 2, 2, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda f: lift(f, cameras_of(2)).volume, features)


def test_splatting_holds_no_feature_for_each_bin() -> None:
    cameras, held = cameras_of(2), []
    context = torch.zeros(1, 2, 64, ROWS, COLUMNS, requires_grad=True)
    probability = torch.zeros(1, 2, BINS.count, ROWS, COLUMNS, requires_grad=True)
    plan = plan_splat(cameras, GRID, BINS, rows=ROWS, columns=COLUMNS, stride=STRIDE)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: held.append(t.numel()) or t, lambda t: t):
        splat(context, probability, plan)
    assert max(held) <= context.numel()
