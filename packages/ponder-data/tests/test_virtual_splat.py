import time

import numpy as np
import pytest
import torch
from ponder_data import Scene, Surfels, View, place_cameras, sample_rays, scene_surfels, splat, virtual_view
from ponder_data.rooms.camera import Camera, look_at, pinhole
from torch import Tensor

# A room of 4 x 3 x 2.5 m without a ceiling, and in it a box of 1 x 0.6 x 0.8 m.
LOW, HIGH = np.array([-2.0, -1.5, 0.0]), np.array([2.0, 1.5, 2.5])
BOX_LOW, BOX_HIGH = np.array([-0.2, -0.3, 0.0]), np.array([0.8, 0.3, 0.8])
WALLS, THING = 0, 1


def sides(low: np.ndarray, high: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    """Return points spread evenly over the sides of a box and its bottom."""
    size = high - low
    area = np.array([size[1] * size[2]] * 2 + [size[0] * size[2]] * 2 + [size[0] * size[1]])
    side = rng.choice(5, count, p=area / area.sum())
    points = low + rng.random((count, 3)) * size
    axis = side // 2
    bounds = np.where((side % 2 == 0)[:, None], low, high)
    points[np.arange(count), axis] = bounds[np.arange(count), axis]
    return points


def room_scene(count: int = 50_000) -> Scene:
    rng = np.random.default_rng(0)
    room = sides(LOW, HIGH, rng, count - 6000)
    thing = sides(BOX_LOW, BOX_HIGH, rng, 6000)
    # The side that would be its bottom is its top.
    thing[:, 2] = np.where(thing[:, 2] == BOX_LOW[2], BOX_HIGH[2], thing[:, 2])
    coord = np.concatenate((room, thing))
    distance = np.stack([np.abs(coord - bound) for bound in (LOW, HIGH)]).min(axis=0)
    in_box = np.stack([np.abs(coord - bound) for bound in (BOX_LOW, BOX_HIGH)]).min(axis=0)
    distance[len(room) :] = in_box[len(room) :]
    normal = np.eye(3)[distance.argmin(axis=1)]
    label = torch.cat((torch.full((len(room),), WALLS), torch.full((len(thing),), THING)))
    return Scene(
        name="room",
        dataset="test",
        coord=torch.from_numpy(coord).float(),
        color=torch.from_numpy((coord - LOW) / (HIGH - LOW)).float(),
        normal=torch.from_numpy(normal).float(),
        semantic=label,
        instance=label - 1,
        class_names=("walls", "thing"),
    )


def true_depth(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Return the z-depth and the label of every pixel; depth 0 where a ray leaves through the open ceiling."""
    v, u = np.mgrid[: camera.height, : camera.width]
    rays = np.stack((u, v, np.ones_like(u)), axis=-1) @ np.linalg.inv(camera.intrinsics).T
    rays = rays @ camera.camera_to_world[:3, :3].T
    with np.errstate(divide="ignore"):
        walls = (np.where(rays > 0, HIGH, LOW) - camera.position) / rays
        first, last = (BOX_LOW - camera.position) / rays, (BOX_HIGH - camera.position) / rays
    depth = walls.min(axis=-1)
    depth[(walls.argmin(axis=-1) == 2) & (rays[..., 2] > 0)] = 0.0
    enter, leave = np.minimum(first, last).max(axis=-1), np.maximum(first, last).min(axis=-1)
    hit = (enter < leave) & (enter > 0)
    return np.where(hit, enter, depth), np.where(hit, THING, np.where(depth > 0, WALLS, -1))


def room_camera(turn: float, width: int = 160, height: int = 120) -> Camera:
    position = np.array([1.2 * np.cos(turn), 1.0 * np.sin(turn), 1.4])
    return pinhole(width, height, np.radians(70.0), look_at(position, np.array([0.3, 0.0, 0.6])))


@pytest.fixture(scope="module")
def surfels() -> Surfels:
    return scene_surfels(room_scene(), 0.1)


def near_edges(image: np.ndarray, reach: int) -> np.ndarray:
    """Return where the label or, by more than 10 cm, the depth changes within ``reach`` pixels."""
    edge = np.zeros(image.shape, dtype=bool)
    for axis in (0, 1):
        for step in range(1, reach + 1):
            for shift in (-step, step):
                edge |= np.abs(np.roll(image, shift, axis=axis) - image) > 0.1 * step
    return edge


@pytest.mark.parametrize("turn", [0.4, 2.2, 3.6, 5.5])
def test_pictures_of_a_known_room_are_true(surfels: Surfels, turn: float) -> None:
    camera = room_camera(turn)
    view = virtual_view(surfels, camera, "view")
    depth, label = true_depth(camera)
    assert view.source == "virtual"
    assert view.semantic is not None
    assert view.instance is not None
    seen = view.depth.numpy() > 0
    # Discs hang over the edges of things by up to their radius.
    overhang = int(np.ceil(float(surfels.radius.max()) * camera.intrinsics[0, 0] / depth[depth > 0].min()))
    inner = ~near_edges(depth, overhang) & ~near_edges(label.astype(float), overhang)
    # Nothing is seen where nothing is; where something is, nearly every pixel sees it.
    assert not seen[inner & (depth == 0)].any()
    assert seen[inner & (depth > 0)].mean() > 0.99
    both = inner & seen
    radius = float(surfels.radius.max())
    error = np.abs(view.depth.numpy() - depth)[both]
    assert error.max() < radius
    assert np.median(error) < 0.002
    # Occlusion and labels: the thing hides the walls behind it, and no wall shines through.
    assert (view.semantic.numpy() == label)[both].mean() > 0.999
    assert (view.instance.numpy() == label - 1)[both].mean() > 0.999
    assert (label[both] == THING).sum() > 200
    v, u = np.nonzero(both)
    local = (
        np.stack((u, v, np.ones_like(u)), axis=1) @ np.linalg.inv(camera.intrinsics).T * depth[both][:, None]
    )
    place = local @ camera.camera_to_world[:3, :3].T + camera.position
    expected = (place - LOW) / (HIGH - LOW)
    assert np.abs(view.color.numpy()[both] - expected).max() < 0.05
    empty = ~torch.from_numpy(seen)
    assert (view.color[empty] == 0).all()
    assert (view.semantic[empty] == -1).all()


def reference(surfels: Surfels, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Splat disc by disc and pixel by pixel; no disc may be smaller than a pixel or seen edge-on."""
    rotation = camera.camera_to_world[:3, :3]
    centre = (surfels.coord.double().numpy() - camera.position) @ rotation
    normal = surfels.normal.double().numpy() @ rotation
    radius, color = surfels.radius.double().numpy(), surfels.color.double().numpy()
    depth, image = np.zeros((camera.height, camera.width)), np.zeros((camera.height, camera.width, 3))
    inverse = np.linalg.inv(camera.intrinsics)
    for v in range(camera.height):
        for u in range(camera.width):
            ray = inverse @ np.array([u, v, 1.0])
            met = []
            for i in range(len(centre)):
                z = normal[i] @ centre[i] / (normal[i] @ ray)
                offset = np.linalg.norm(ray * z - centre[i]) / radius[i]
                if offset < 1 and z > 0:
                    met.append((z, 1 - offset**2, i))
            if met:
                first = min(met)[0]
                met = [(z, w, i) for z, w, i in met if z - first <= radius[i]]
                mass = sum(w for _, w, _ in met)
                depth[v, u] = sum(w * z for z, w, _ in met) / mass
                image[v, u] = sum(w * color[i] for _, w, i in met) / mass
    return depth, image


def test_a_loop_over_pixels_and_discs_gives_the_same() -> None:
    generator = torch.Generator().manual_seed(0)
    coord = torch.rand(30, 3, generator=generator) * torch.tensor([1.0, 1.0, 0.8]) + torch.tensor(
        [0.0, 2.0, 0.0]
    )
    normal = 0.25 * torch.randn(30, 3, generator=generator) + torch.tensor([0.0, -1.0, 0.0])
    discs = Surfels(
        coord=coord,
        normal=torch.nn.functional.normalize(normal, dim=1),
        color=torch.rand(30, 3, generator=generator),
        radius=0.1 + 0.1 * torch.rand(30, generator=generator),
    )
    camera = pinhole(24, 18, 0.6, look_at(np.array([0.3, 0.0, 0.5]), np.array([0.5, 2.5, 0.4])))
    picture = take(discs, camera)
    depth, image = reference(discs, camera)
    # Only closed pinholes and discs' own pixels may be added.
    assert (picture.depth.numpy()[depth > 0] > 0).all()
    assert (picture.depth.numpy()[depth == 0] > 0).mean() < 0.1
    same = (depth > 0) & (picture.depth.numpy() > 0)
    assert same.sum() > 50
    np.testing.assert_allclose(np.quantile(np.abs(picture.depth.numpy() - depth)[same], 0.97), 0, atol=1e-4)
    np.testing.assert_allclose(np.quantile(np.abs(picture.color.numpy() - image)[same], 0.97), 0, atol=1e-3)


def take(surfels: Surfels, camera: Camera):
    return splat(
        surfels,
        torch.from_numpy(camera.intrinsics).float(),
        torch.from_numpy(camera.camera_to_world).float(),
        (camera.width, camera.height),
    )


def lattice(step: float) -> Surfels:
    """Return a wall of points at y = 2, ``step`` metres apart."""
    x, z = np.meshgrid(np.arange(-1, 1, step), np.arange(-1, 1, step))
    coord = torch.from_numpy(np.stack((x.ravel(), np.full(x.size, 2.0), z.ravel()), axis=1)).float()
    normal = torch.tensor([0.0, -1.0, 0.0]).expand(len(coord), 3)
    return scene_surfels(Scene(name="wall", dataset="test", coord=coord, color=coord * 0, normal=normal), 0.1)


def test_gaps_beyond_the_limit_stay_missing() -> None:
    camera = pinhole(80, 60, 0.6, look_at(np.zeros(3), np.array([0.0, 1.0, 0.0])))
    assert (take(lattice(0.05), camera).depth > 0).all()
    seen = (take(lattice(0.4), camera).depth > 0).float().mean()
    # Discs of 10 cm on squares of 40 cm.
    assert float(seen) == pytest.approx(np.pi * 0.1**2 / 0.4**2, rel=0.15)


def test_a_distant_point_fills_its_pixel_and_nothing_behind_the_camera_is_seen() -> None:
    def point(y: float) -> Surfels:
        coord, normal = torch.tensor([[0.0, y, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]])
        return Surfels(coord=coord, normal=normal, color=torch.ones(1, 3), radius=torch.full((1,), 0.01))

    camera = pinhole(9, 9, 1.0, look_at(np.zeros(3), np.array([0.0, 1.0, 0.0])))
    picture = take(point(50.0), camera)
    assert (picture.index >= 0).nonzero().tolist() == [[4, 4]]
    assert float(picture.depth[4, 4]) == pytest.approx(50.0)
    assert (take(point(-2.0), camera).depth == 0).all()


def test_a_view_takes_no_loop_over_points(surfels: Surfels) -> None:
    camera = room_camera(0.4)
    virtual_view(surfels, camera, "warm")
    times = []
    for _ in range(5):
        start = time.process_time()
        virtual_view(surfels, camera, "view")
        times.append(time.process_time() - start)
    # 54 to 89 ms on a core that others used too; a loop over the points would take many seconds.
    assert min(times) < 1.0


def test_rays_are_drawn_only_where_a_virtual_camera_sees_something(surfels: Surfels) -> None:
    view = virtual_view(surfels, room_camera(0.4), "view")
    assert (view.depth == 0).any()
    rays = sample_rays([view], 4000, torch.Generator().manual_seed(0))
    assert len(rays) == 4000
    assert (rays.distance > 0).all()
    every = sample_rays([view], 10**6, torch.Generator().manual_seed(0))
    assert len(every) == int((view.depth > 0).sum())


def free(position: np.ndarray, clearance: float) -> bool:
    to_wall = min((position - LOW).min(), (HIGH[:2] - position[:2]).min())
    outside = np.linalg.norm(np.maximum(np.maximum(BOX_LOW - position, position - BOX_HIGH), 0))
    return bool(to_wall > clearance and outside > clearance)


def test_cameras_stand_in_free_space_and_together_see_the_room(surfels: Surfels) -> None:
    cameras = place_cameras(surfels, np.random.default_rng(0), 6, (160, 120), np.radians(70.0))
    assert all(free(camera.position, 0.2) for camera in cameras)
    assert all(0.8 < camera.position[2] < 1.9 for camera in cameras)
    seen = torch.zeros(len(surfels), dtype=torch.bool)
    for camera in cameras:
        picture = take(surfels, camera)
        assert (picture.depth > 0).float().mean() > 0.5
        seen[picture.index[picture.index >= 0]] = True
    cells = (surfels.coord / 0.25).floor().long()
    _, cell = torch.unique(cells, dim=0, return_inverse=True)
    share = len(torch.unique(cell[seen])) / (int(cell.max()) + 1)
    assert share > 0.8
    again = place_cameras(surfels, np.random.default_rng(0), 6, (160, 120), np.radians(70.0))
    assert all((a.camera_to_world == b.camera_to_world).all() for a, b in zip(cameras, again, strict=True))


def sphere(radius: float) -> Surfels:
    direction: Tensor = torch.nn.functional.normalize(
        torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)), dim=1
    )
    return scene_surfels(
        Scene(name="ball", dataset="test", coord=radius * direction, color=direction * 0, normal=direction),
        0.1,
    )


def test_objects_are_seen_whole_from_around() -> None:
    ball = sphere(0.3)
    cameras = place_cameras(ball, np.random.default_rng(1), 4, (64, 48), np.radians(50.0))
    for camera in cameras:
        depth = take(ball, camera).depth
        seen = depth > 0
        assert not bool(seen[[0, -1]].any() or seen[:, [0, -1]].any())
        # A ball fills its circle, and no point of its far side shines through.
        distance = float(np.linalg.norm(camera.position))
        assert float(depth[seen].max()) < distance
        assert float(depth[seen].min()) == pytest.approx(distance - 0.3, abs=0.01)


def test_where_no_camera_can_stand_it_says_so() -> None:
    flat = Surfels(
        coord=torch.tensor([[0.0, 0, 0], [5.0, 0, 0], [5.0, 0, 1.0]]),
        normal=torch.eye(3),
        color=torch.zeros(3, 3),
        radius=torch.full((3,), 0.01),
    )
    with pytest.raises(ValueError, match=r"no place for a virtual camera among 3 points .*stand='around'"):
        place_cameras(flat, np.random.default_rng(0), 1, (32, 24), 1.2)


def test_views_of_a_view_type(surfels: Surfels) -> None:
    assert isinstance(virtual_view(surfels, room_camera(1.0, 32, 24), "small"), View)
