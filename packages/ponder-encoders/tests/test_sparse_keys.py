"""Keys of cells: what goes in comes out, sorting sorts, and what does not fit is refused."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ponder_encoders.sparse.keys import (
    LARGEST_COORDINATE,
    LARGEST_SCENE,
    REACH,
    check_range,
    key_step,
    pack_keys,
    unpack_keys,
)

coordinate = st.integers(-LARGEST_COORDINATE, LARGEST_COORDINATE)
cell = st.tuples(st.integers(0, LARGEST_SCENE), coordinate, coordinate, coordinate)


def as_tensors(cells: list[tuple[int, int, int, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    table = torch.tensor(cells)
    return table[:, 0], table[:, 1:]


@given(st.lists(cell, min_size=1, max_size=20))
def test_unpacking_gives_back_what_was_packed(cells: list[tuple[int, int, int, int]]) -> None:
    scene, coordinates = as_tensors(cells)
    keys = pack_keys(scene, coordinates)
    unpacked_scene, unpacked_coordinates = unpack_keys(keys)
    assert torch.equal(unpacked_scene, scene)
    assert torch.equal(unpacked_coordinates, coordinates)
    assert (keys >= 0).all()


@given(st.lists(cell, min_size=1, max_size=20))
def test_keys_sort_as_scene_x_y_z(cells: list[tuple[int, int, int, int]]) -> None:
    order = torch.argsort(pack_keys(*as_tensors(cells)), stable=True).tolist()
    assert [cells[i] for i in order] == sorted(cells)


@given(cell, *[st.integers(-REACH, REACH)] * 3)
def test_a_step_of_the_key_is_a_step_of_the_cell(
    place: tuple[int, int, int, int], dx: int, dy: int, dz: int
) -> None:
    scene, x, y, z = place
    stepped = pack_keys(*as_tensors([place])) + key_step(dx, dy, dz)
    unpacked_scene, coordinates = unpack_keys(stepped)
    # Even from the last allowed cell, no step spills into another axis or scene.
    assert unpacked_scene.tolist() == [scene]
    assert coordinates.tolist() == [[x + dx, y + dy, z + dz]]


def test_cells_out_of_range_are_refused_with_their_extents() -> None:
    with pytest.raises(ValueError, match=r"y -3\.\.70000.*subtract each scene's minimum"):
        check_range(torch.tensor([[0, -3, 0], [5, 70000, 1]]), scenes=1)


def test_too_many_scenes_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 4095 scenes, not 5000"):
        check_range(torch.zeros(1, 3, dtype=torch.int64), scenes=5000)
