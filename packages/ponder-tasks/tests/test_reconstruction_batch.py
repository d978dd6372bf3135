"""What reconstruction learns from: noisy points, places and what is known of them."""

import numpy as np
import torch
from ponder_data import FurnitureShapes, FurnitureShapesConfig, Shape
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.recipe import ReconstructRecipe
from ponder_tasks.recipes.rooms_reconstruct import rooms_reconstruct
from ponder_tasks.reconstruct.batch import (
    ask,
    collate_reconstruction,
    draw_places,
    draw_points,
    draw_symmetry,
    surface_cloud,
)
from ponder_tasks.reconstruct.batches import ShapeBatchSequence
from ponder_tasks.reconstruct.config import SurfacePointsConfig

SHAPES = FurnitureShapes(FurnitureShapesConfig(shapes=4, surface_points=3000))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def recipe(*changes: str) -> ReconstructRecipe:
    small = ("points.count=500", "points.queries=64", "trainer.batch_size=2")
    return apply_overrides(rooms_reconstruct(), (*small, *changes))


def distances(shape: Shape, points: torch.Tensor) -> np.ndarray:
    return np.abs(shape.signed_distance(points.double().numpy()))


def test_points_are_off_the_surface_by_the_noise() -> None:
    shape = SHAPES.shape(3)
    exact = draw_points(shape, SurfacePointsConfig(count=500, noise=0.0), generator())
    assert distances(shape, exact).max() < 1e-6
    assert len({tuple(point) for point in exact.tolist()}) > 450
    noisy = draw_points(shape, SurfacePointsConfig(count=500, noise=0.05), generator())
    # The mean absolute value of a normal variable is 0.8 of its deviation; edges make it a little less or more.
    assert 0.02 < distances(shape, noisy).mean() < 0.05
    assert draw_points(shape, SurfacePointsConfig(count=4000), generator()).shape == (4000, 3)


def test_places_are_near_the_surface_or_anywhere() -> None:
    shape = SHAPES.shape(0)
    places = draw_places(shape, 2000, 500, 0.55, 0.01, generator())
    assert places.abs().max() <= 0.55
    assert distances(shape, places[1500:]).mean() < 0.012
    even = places[:1500]
    np.testing.assert_allclose(even.mean(dim=0), 0, atol=0.03)
    np.testing.assert_allclose(even.std(dim=0), 1.1 / 12**0.5, atol=0.02)


def test_what_is_asked_is_answered_by_the_shape() -> None:
    shape, position = SHAPES.shape(1), 1.1 * torch.rand(300, 3, generator=generator()) - 0.55
    told = ask(shape, position, distance=True)
    assert told.inside.tolist() == shape.inside(position.double().numpy()).tolist()
    assert told.signed_distance is not None
    assert ((told.signed_distance < 0) == told.inside).all()
    assert ask(shape, position, distance=False).signed_distance is None


def test_the_symmetries_are_the_eight_that_keep_the_cube_and_z() -> None:
    drawn = {tuple(draw_symmetry(generator(seed)).reshape(-1).tolist()) for seed in range(100)}
    assert len({tuple(value + 0.0 for value in one) for one in drawn}) == 8
    for one in drawn:
        turn = torch.tensor(one).view(3, 3)
        torch.testing.assert_close(turn @ turn.T, torch.eye(3))
        assert turn[2].tolist() == [0, 0, 1]


def test_every_point_is_in_the_cell_that_stands_for_it() -> None:
    points = draw_points(SHAPES.shape(2), SurfacePointsConfig(count=700), generator())
    clouds = [surface_cloud(part, "one", grid_size=0.08, encoder_cells=32) for part in points.split(400)]
    places = [ask(SHAPES.shape(2), points[:5], distance=True)] * 2
    batch = collate_reconstruction(clouds, places)
    assert batch.offsets.tolist() == [400, 700]
    assert batch.cells.offsets.tolist()[0] == len(clouds[0].sample.scene)
    metres = batch.points * 0.08 * 32
    same_cell = (batch.cells.coord[batch.inverse] / 0.08).floor() == (metres / 0.08).floor()
    assert same_cell.all()
    assert (batch.inverse[400:] >= batch.cells.offsets[0]).all()
    normal = batch.cells.features[:, 3:]
    torch.testing.assert_close(normal.norm(dim=1), torch.ones(len(normal)))
    assert batch.cells.features[:, :3].abs().max() == 0  # grey
    assert (batch.position.shape, batch.inside.shape) == ((2, 5, 3), (2, 5))


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    first, again = (ShapeBatchSequence(SHAPES, recipe(), rank=0, world_size=1) for _ in range(2))
    assert torch.equal(first[3].points, again[3].points)
    assert torch.equal(first[3].position, again[3].position)
    assert not torch.equal(first[3].points, first[4].points)
    assert set(first[0].cells.names + first[1].cells.names) == {SHAPES.shape(i).name for i in range(4)}
    shares = [
        ShapeBatchSequence(SHAPES, recipe("trainer.batch_size=1"), rank=r, world_size=2)[0] for r in (0, 1)
    ]
    assert torch.equal(torch.cat([share.points for share in shares]), first[0].points)


def test_places_turn_with_the_points() -> None:
    """In the turned frame, points lie on the surface still: places near the noise-free points tell."""
    changes = ("points.noise=0", "points.near_share=1", "points.near_distance=0.02", "points.queries=400")
    plain = ShapeBatchSequence(SHAPES, recipe(*changes, "points.symmetries=false"), rank=0, world_size=1)[0]
    turned = ShapeBatchSequence(SHAPES, recipe(*changes), rank=0, world_size=1)[0]
    assert torch.equal(plain.inside, turned.inside)
    assert not torch.equal(plain.position, turned.position)
    for scene in range(2):
        near = [
            torch.cdist(b.position[scene], b.points[scene * 500 : (scene + 1) * 500]) for b in (plain, turned)
        ]
        torch.testing.assert_close(near[0], near[1], atol=1e-3, rtol=1e-3)


def test_signed_distances_come_with_batches_that_need_them() -> None:
    batch = ShapeBatchSequence(SHAPES, recipe("network.output=sdf"), rank=0, world_size=1)[0]
    assert batch.signed_distance is not None
    assert ((batch.signed_distance < 0) == batch.inside).all()
    assert batch.to("cpu").signed_distance is not None
    assert batch.rays is None
    assert batch.coord is batch.points
