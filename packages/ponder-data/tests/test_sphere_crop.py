from dataclasses import replace

import pytest
import torch
from ponder_data import (
    AugmentationConfig,
    SampleConfig,
    Scene,
    SphereCropConfig,
    prepare_sample,
    sample_scene,
)
from ponder_data.transforms import sphere_crop


@pytest.mark.parametrize("around", ["random", "middle"])
def test_the_nearest_points_of_one_of_them_stay_in_order(scene: Scene, around: str) -> None:
    config = SphereCropConfig.model_validate({"points": 57, "around": around})
    numbered = replace(scene, instance=torch.arange(len(scene)))
    cropped = sphere_crop(numbered, config, torch.Generator().manual_seed(3))
    assert cropped.instance is not None
    kept = cropped.instance
    assert len(cropped) == 57
    assert torch.equal(kept, kept.sort().values)
    assert torch.equal(cropped.coord, scene.coord[kept])
    assert torch.equal(cropped.color, scene.color[kept])
    # Some point has exactly these as its nearest ones.
    distance = torch.cdist(scene.coord.double(), scene.coord.double())
    nearest = distance.topk(57, largest=False).indices.sort(dim=1).values
    matching = torch.nonzero((nearest == kept).all(dim=1)).squeeze(1)
    assert len(matching) > 0
    if around == "middle":
        middle = (scene.coord.amin(dim=0) + scene.coord.amax(dim=0)) / 2
        assert int((scene.coord - middle).norm(dim=1).argmin()) in matching.tolist()


def test_every_point_may_be_the_middle(scene: Scene) -> None:
    lone = replace(scene, boxes=None)
    firsts = {
        tuple(
            sphere_crop(lone, SphereCropConfig(points=2), torch.Generator().manual_seed(s)).coord[0].tolist()
        )
        for s in range(40)
    }
    assert len(firsts) > 30


def test_boxes_stay_where_their_centre_is_inside(scene: Scene, generator: torch.Generator) -> None:
    middle = (scene.coord.amin(dim=0) + scene.coord.amax(dim=0)) / 2
    center = scene.coord[(scene.coord - middle).norm(dim=1).argmin()]
    assert scene.boxes is not None
    away = torch.tensor([0.1, 9.0, 0.3, 7.0])[:, None] * torch.tensor([1.0, 0.0, 0.0])
    scene = replace(scene, boxes=replace(scene.boxes, center=center + away))
    cropped = sphere_crop(scene, SphereCropConfig(points=150, around="middle"), generator)
    radius = (cropped.coord - center).norm(dim=1).max()
    assert scene.boxes is not None
    assert cropped.boxes is not None
    assert 0.3 < radius < 7.0
    assert cropped.boxes.label.tolist() == [0, 2]
    assert torch.equal(cropped.boxes.center, scene.boxes.center[[0, 2]])
    assert cropped.views is scene.views


def test_small_scenes_are_left_alone_and_draw_nothing(scene: Scene, generator: torch.Generator) -> None:
    state = generator.get_state()
    for points in (0, len(scene), len(scene) + 1):
        assert sphere_crop(scene, SphereCropConfig(points=points), generator) is scene
    assert torch.equal(state, generator.get_state())


def test_cells_are_counted_from_the_lowest_left(scene: Scene, generator: torch.Generator) -> None:
    sampled = sample_scene(scene, 0.2)
    cropped = sphere_crop(sampled, SphereCropConfig(points=20), generator)
    assert cropped.grid_coord is not None
    assert cropped.grid_coord.amin(dim=0).tolist() == [0, 0, 0]
    cells = torch.floor(cropped.coord.double() / 0.2).long()
    assert torch.equal(cropped.grid_coord, cells - cells.amin(dim=0))


def test_a_sample_is_cropped_after_the_grid_and_keeps_the_bounds(scene: Scene) -> None:
    config = SampleConfig(grid_size=0.2, augmentation=AugmentationConfig.none())
    whole, cropped = (
        prepare_sample(
            scene,
            config.model_copy(update={"crop": SphereCropConfig(points=points)}),
            torch.Generator().manual_seed(0),
            rays=True,
        )
        for points in (0, 30)
    )
    assert len(cropped.scene) == 30 < len(whole.scene)
    assert torch.equal(whole.lower, cropped.lower)
    assert torch.equal(whole.upper, cropped.upper)
    assert whole.rays is not None
    assert cropped.rays is not None
    assert torch.equal(whole.rays.origin, cropped.rays.origin)


def test_a_single_point_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        SphereCropConfig(points=1)
