from pathlib import Path

import pytest
from ponder_cli.runs import find_run, latest_run, new_run


def make(runs: Path, *names: str) -> Path:
    for name in names:
        (runs / name).mkdir(parents=True)
    return runs


def test_runs_are_numbered_from_one(tmp_path: Path) -> None:
    assert new_run(tmp_path / "runs", None, "rooms") == tmp_path / "runs" / "rooms-1"


def test_a_number_never_comes_back(tmp_path: Path) -> None:
    runs = make(tmp_path, "rooms-2", "rooms-10", "rooms-semseg-40", "rooms-x", "other-99")
    assert new_run(runs, None, "rooms").name == "rooms-11"
    assert latest_run(runs, "rooms").name == "rooms-10"
    assert latest_run(runs, "rooms-semseg").name == "rooms-semseg-40"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b"])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is no plain name; use --runs"):
        new_run(tmp_path, name, "rooms")


def test_runs_cannot_go_into_a_file(tmp_path: Path) -> None:
    file = tmp_path / "runs"
    file.write_text("")
    with pytest.raises(ValueError, match="is a file"):
        new_run(file, None, "rooms")


def test_a_run_is_found_by_path_and_by_name(tmp_path: Path) -> None:
    runs = make(tmp_path, "rooms-1")
    assert find_run(runs, "rooms-1") == runs / "rooms-1"
    assert find_run(Path("elsewhere"), str(runs / "rooms-1")) == runs / "rooms-1"


def test_a_run_that_is_not_there_is_an_error_naming_those_that_are(tmp_path: Path) -> None:
    runs = make(tmp_path, "rooms-1", "rooms-2")
    with pytest.raises(ValueError, match=r"no run 'rooms-3'.*holds rooms-1, rooms-2"):
        find_run(runs, "rooms-3")
    with pytest.raises(ValueError, match=r"there is no run of rgbd .*holds rooms-1, rooms-2"):
        latest_run(runs, "rgbd")
    with pytest.raises(ValueError, match=r"no run of rgbd in .*nowhere to resume$"):
        latest_run(tmp_path / "nowhere", "rgbd")
