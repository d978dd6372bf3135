from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Ponder = Callable[..., Result]
SMALL = ("--scenes", "1", "--frames", "2", "--image-width", "32")


def test_a_room_is_written_where_scannet_would_be(ponder: Ponder) -> None:
    result = ponder("data", "synth", "rooms", *SMALL, "-o", "rooms")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("rooms: 1 room, 2 frames, ")
    assert lines[1] == "splits     train (1), val (0)"
    assert lines[-1] == "next       ponder data inspect rooms"
    assert Path("rooms/scans/scene0000_00/scene0000_00.sens").is_file()
    assert [path.name for path in Path().iterdir()] == ["rooms"], "nothing is left beside it"


def test_streets_are_written_where_nuscenes_would_be(ponder: Ponder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ponder_tasks.data.synthesizing.SWEEPS_PER_KEYFRAME", 1)
    result = ponder("data", "synth", "streets", *SMALL, "-o", "streets")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("streets: 1 street, 2 keyframes, 2 sweeps, 12 pictures, ")
    assert lines[1] == "splits     train (1), val (0) of v1.0-trainval"
    assert "version='v1.0-trainval'" in lines[2]
    assert Path("streets/v1.0-trainval/sample_annotation.json").is_file()


@pytest.mark.parametrize("kind", ["rooms", "streets"])
def test_a_folder_that_is_not_empty_is_left_alone(ponder: Ponder, kind: str) -> None:
    Path("mine").mkdir()
    Path("mine/photo.jpg").write_text("dear to me")
    result = ponder("data", "synth", kind, "-o", "mine")
    assert result.exit_code == 2
    assert result.stderr == "error: mine is not empty; give a folder that is new or empty\n"
    assert [path.name for path in Path("mine").iterdir()] == ["photo.jpg"]


def test_a_seed_makes_other_rooms_and_the_same_again(ponder: Ponder) -> None:
    for seed, folder in (("0", "a"), ("0", "b"), ("1", "c")):
        words = (*SMALL, "--seed", seed, "-o", folder)
        assert ponder("data", "synth", "rooms", *words).exit_code == 0
    first, again, other = (
        Path(f"{name}/scans/scene0000_00/scene0000_00.sens").read_bytes() for name in "abc"
    )
    assert first == again
    assert first != other


def test_a_mistyped_kind_names_the_two(ponder: Ponder) -> None:
    result = ponder("data", "synth", "room", "-o", "x")
    assert result.exit_code == 2
    assert "'room' is not one of 'rooms', 'streets'" in result.stderr
