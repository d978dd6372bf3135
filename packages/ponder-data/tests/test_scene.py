import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from ponder_data import Scene, check_scene, take_points


def test_check_scene_returns_a_good_scene_itself(scene: Scene) -> None:
    assert check_scene(scene) is scene


@pytest.mark.parametrize("points", [0, 1])
def test_check_scene_refuses_too_few_points(scene: Scene, points: int) -> None:
    with pytest.raises(ValueError, match=rf"scene 0.*{points} point.*at least 2"):
        check_scene(take_points(scene, torch.arange(points)))


@pytest.mark.parametrize("field", ["coord", "color", "normal"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_check_scene_names_the_field_that_is_not_finite(scene: Scene, field: str, value: float) -> None:
    broken = getattr(scene, field).clone()
    broken[3, 1] = value
    broken[7] = value
    with pytest.raises(ValueError, match=rf"2 of {len(scene)} points have a NaN or infinite {field}"):
        check_scene(replace(scene, **{field: broken}))


# Here jaxtyping checks shapes first; users, who run without it, must get readable errors all the same.
_AS_A_USER = """
import torch
from ponder_data import Scene, View

def view(depth):
    color, eye = torch.rand(4, 5, 3), torch.eye(4)
    return View(name="v", color=color, depth=depth, intrinsics=eye[:3, :3], camera_to_world=eye)

rows = torch.rand(4, 3)
for build in (
    lambda: view(torch.rand(4, 6)),
    lambda: Scene(name="s", dataset="d", coord=rows, color=rows, normal=torch.rand(5, 3)),
):
    try:
        build()
    except ValueError as error:
        print(error)
"""


def test_fields_that_do_not_fit_are_refused_readably() -> None:
    done = subprocess.run([sys.executable, "-c", _AS_A_USER], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "view 'v': its depth image is (4, 6) (rows, columns) but its colour image is (4, 5); "
        "resize one to the other before building the view",
        "scene 's': normal has 5 rows but coord has 4",
    ]


def test_take_points_takes_every_field_in_order(scene: Scene) -> None:
    index = torch.tensor([5, 2, 9])
    taken = take_points(scene, index)
    for name in ("coord", "color", "normal", "semantic", "instance"):
        assert torch.equal(getattr(taken, name), getattr(scene, name)[index])
    assert taken.grid_coord is None
    assert taken.views is scene.views
    assert taken.boxes is scene.boxes
