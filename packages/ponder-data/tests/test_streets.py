"""Synthetic streets as data: LiDAR, pictures, labels and boxes agree, motion is true, streets repeat."""

import pickle
from dataclasses import fields

import numpy as np
import pytest
import torch
from ponder_data import (
    IGNORE_LABEL,
    NUSCENES_CLASSES,
    NUSCENES_DETECTION_CLASSES,
    Boxes,
    Scene,
    SyntheticStreets,
    SyntheticStreetsConfig,
    back_project,
    project_to_view,
)
from ponder_data.rooms.intersection import intersect
from ponder_data.rooms.parts import Shape
from ponder_data.streets.lidar import LidarConfig, beam_directions, cast_beams

QUIET = LidarConfig(range_noise=0, random_drop=0, faint=0)
CONFIG = SyntheticStreetsConfig(
    scenes=2, keyframes=3, sweeps_per_keyframe=2, sweeps=2, image_width=96, image_height=54, depth="rendered"
)


@pytest.fixture(scope="module")
def streets() -> SyntheticStreets:
    return SyntheticStreets(CONFIG.model_copy(update={"lidar": QUIET, "image_noise": 0.0}))


@pytest.fixture(scope="module")
def scene(streets: SyntheticStreets) -> Scene:
    return streets[2]


def boxes_of(scene: Scene) -> Boxes:
    assert scene.boxes is not None
    return scene.boxes


def inside(coord: torch.Tensor, boxes: Boxes, index: int, margin: float = 0.0) -> torch.Tensor:
    offset = coord - boxes.center[index]
    cosine, sine = boxes.heading[index].cos(), boxes.heading[index].sin()
    along = offset[:, 0] * cosine + offset[:, 1] * sine
    across = offset[:, 1] * cosine - offset[:, 0] * sine
    local = torch.stack((along, across, offset[:, 2]), dim=1)
    return (local.abs() <= boxes.size[index] / 2 + margin).all(dim=1)


def test_a_street_is_complete(scene: Scene) -> None:
    assert scene.class_names == NUSCENES_CLASSES
    assert len(scene.views) == 6
    assert all(view.source == "synthetic" for view in scene.views)
    assert scene.semantic is not None
    own = scene.time == 0
    assert 15_000 < int(own.sum()) <= 32 * 1084
    assert int(scene.semantic[own].min()) >= 0
    assert bool((scene.semantic[~own] == IGNORE_LABEL).all())
    present = {NUSCENES_CLASSES[i] for i in scene.semantic[own].unique()}
    assert {"driveable_surface", "sidewalk", "manmade", "vegetation", "car", "pedestrian"} <= present


def test_many_streets_hold_every_class() -> None:
    actors, points = set(), set()
    for seed in range(8):
        recorder = SyntheticStreets(SyntheticStreetsConfig(seed=seed, scenes=1, keyframes=1)).recorder(0)
        actors |= {actor.thing.category for actor in recorder.street.actors}
        points |= set(recorder.street.primitives.semantic.tolist())
    assert {
        "vehicle.car",
        "vehicle.truck",
        "vehicle.bus.rigid",
        "vehicle.trailer",
        "vehicle.construction",
        "vehicle.motorcycle",
        "vehicle.bicycle",
        "human.pedestrian.adult",
        "movable_object.trafficcone",
        "movable_object.barrier",
    } <= actors
    # Road, other flat, sidewalk, terrain, manmade, vegetation.
    assert {24, 25, 26, 27, 28, 30} <= points


def test_the_beams_meet_what_a_plain_loop_over_all_primitives_meets(streets: SyntheticStreets) -> None:
    recorder = streets.recorder(0)
    config = LidarConfig(beams=9, columns=60)
    primitives = recorder.street.primitives_at(0.0, 60.0)
    pose = recorder.lidar_pose(0)
    hits = cast_beams(primitives, pose, config)
    direction = pose[:3, :3].astype(np.float32) @ beam_directions(config)
    best = np.full(direction.shape[1], np.inf, dtype=np.float32)
    matrix = primitives.to_canonical()
    for index in range(len(primitives)):
        origin = matrix[index] @ (pose[:3, 3].astype(np.float32) - primitives.center[index])
        local = matrix[index] @ direction
        start = np.ascontiguousarray(np.broadcast_to(origin[:, None], local.shape))
        taper = np.full(local.shape[1], primitives.taper[index], dtype=np.float32)
        best = np.minimum(best, intersect(Shape(primitives.shape[index]), start, local, taper, 0.02))
    near = best < config.farthest
    assert near.sum() > 300
    np.testing.assert_allclose(hits.depth[near], best[near], rtol=1e-4, atol=1e-3)
    assert (hits.depth[~near] >= config.farthest).all()


def test_boxes_hold_the_returns_of_their_instances(scene: Scene) -> None:
    boxes, own = boxes_of(scene), scene.time == 0
    assert scene.instance is not None
    assert boxes.num_points is not None
    coord, instance, semantic = scene.coord[own], scene.instance[own], scene.semantic
    assert semantic is not None
    assert len(boxes) > 10
    for index in range(len(boxes)):
        mine = instance == boxes.instance[index]
        # The LiDAR is tilted by a degree against the upright boxes: up to 8 cm at the ends of a bus.
        assert bool(inside(coord[mine], boxes, index, margin=0.15).all())
        assert bool((semantic[own][mine] == boxes.label[index]).all())
        # All but those within a metre of the sensor are in the scene.
        assert int(mine.sum()) == int(boxes.num_points[index]) >= 1
    assert int(boxes.label.max()) < len(NUSCENES_DETECTION_CLASSES)


def test_the_sky_has_neither_depth_nor_label_and_is_above(scene: Scene) -> None:
    for view in scene.views:
        assert view.semantic is not None
        sky = view.depth == 0
        assert torch.equal(sky, view.semantic == IGNORE_LABEL)
        assert not bool(sky[-1].any())
        assert 0 < float(view.depth.max()) < 400
        assert 0.1 < float(view.color.mean()) < 0.9


def test_standing_points_of_older_sweeps_fall_into_place(scene: Scene) -> None:
    """Road and walls of the sweep half a second ago lie on the surfaces that the pictures show now."""
    assert scene.time is not None
    old = scene.coord[scene.time > 0]
    assert torch.unique(scene.time).tolist() == pytest.approx([0.0, 0.25])
    view = scene.views[0]
    seen = project_to_view(old, view)
    u, v = seen.pixel.round().long().unbind(1)
    kept = (seen.z > 1) & (u >= 0) & (u < view.width) & (v >= 0) & (v < view.height)
    points = back_project(view.depth, view.intrinsics, view.camera_to_world)
    error = (points[v[kept], u[kept]] - old[kept])[:, 2].abs()
    assert float((error < 0.25).float().mean()) > 0.75


def test_velocities_carry_boxes_to_the_next_keyframe(streets: SyntheticStreets) -> None:
    first, second = boxes_of(streets[0]), boxes_of(streets[1])
    recorder = streets.recorder(0)
    shared, now, after = np.intersect1d(first.instance, second.instance, return_indices=True)
    assert len(shared) > 5
    assert first.velocity is not None
    pose = np.linalg.inv(recorder.lidar_pose(500_000)) @ recorder.lidar_pose(0)
    moved = (first.center + 0.5 * first.velocity)[now].double().numpy() @ pose[:3, :3].T + pose[:3, 3]
    np.testing.assert_allclose(second.center[after].numpy(), moved, atol=2e-3)
    speed = first.velocity.norm(dim=1)
    assert float(speed.max()) > 1.0
    parked = [
        i for i in range(len(first)) if first.attribute is not None and int(first.attribute[i]) in (6, 7)
    ]
    assert parked
    assert float(speed[parked].max()) == 0.0


def test_nobody_stands_in_anybody(streets: SyntheticStreets) -> None:
    """Boxes of actors overlap nowhere and at no time, seen from above as circles about cores of the boxes."""
    for street in range(2):
        recorder = streets.recorder(street)
        for time in (0.0, 1.0):
            cores, owner = [], []
            for index, actor in enumerate(recorder.street.actors):
                length, width, _ = actor.box_size()
                along = np.array([np.cos(actor.heading), np.sin(actor.heading)])
                reach = max(0.0, 0.5 * (length - width))
                for share in np.linspace(-1.0, 1.0, 7):
                    cores.append(
                        [*(actor.box_center(time)[:2] + share * reach * along), 0.4 * min(width, length)]
                    )
                    owner.append(index)
            table, owners = np.array(cores), np.array(owner)
            gap = (
                np.linalg.norm(table[:, None, :2] - table[None, :, :2], axis=2)
                - table[:, 2]
                - table[:, None, 2]
            )
            close = (gap < 0) & (owners[:, None] != owners[None])
            assert not close.any(), np.unique(owners[np.nonzero(close)[0]])


def tensors(scene: Scene) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for part in (scene, scene.boxes, *scene.views):
        assert part is not None
        values = (getattr(part, field.name) for field in fields(part))
        found += [value for value in values if isinstance(value, torch.Tensor)]
    return found


def test_streets_repeat_and_differ() -> None:
    small = CONFIG.model_copy(update={"image_width": 32, "image_height": 18, "sweeps": 1})
    data = SyntheticStreets(small)
    scene = data[4]
    # A copy in another process, asked in another order, gives the same numbers.
    again = pickle.loads(pickle.dumps(data))[4]
    assert all(torch.equal(a, b) for a, b in zip(tensors(scene), tensors(again), strict=True))
    other = SyntheticStreets(small.model_copy(update={"split": "val"}))[4]
    assert scene.name == "streets-train-0-00001/001"
    assert other.name == "streets-val-0-00001/001"
    assert len(other) != len(scene)
    with pytest.raises(IndexError, match="keyframe 6 of 6"):
        data[6]
