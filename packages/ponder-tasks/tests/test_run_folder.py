"""Run folders: made once, never overwritten, and readable after a kill."""

import json

import pytest
from ponder_tasks.listener import Measurement
from ponder_tasks.recipes import get_recipe
from ponder_tasks.run_folder import RunFolder, write_atomically


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", get_recipe("rooms"), "ponder pretrain rooms")


def test_a_new_folder_holds_the_recipe_and_the_command(folder):
    assert folder.recipe() == get_recipe("rooms")
    about = json.loads((folder.path / "run.json").read_text())
    assert about["command"] == "ponder pretrain rooms"
    assert about["versions"]["torch"]


def test_a_folder_that_holds_something_is_refused(folder):
    before = {path.name: path.stat().st_mtime_ns for path in folder.path.iterdir()}
    with pytest.raises(ValueError, match="exists already"):
        RunFolder.create(folder.path, get_recipe("rooms"), "again")
    assert {path.name: path.stat().st_mtime_ns for path in folder.path.iterdir()} == before


@pytest.mark.parametrize("made", [False, True])
def test_only_a_run_can_be_opened(tmp_path, made):
    path = tmp_path / "nothing"
    if made:
        path.mkdir()
    with pytest.raises(ValueError, match=r"nothing.*runs/rooms-1"):
        RunFolder.open(path)


def test_records_after_a_checkpoint_are_forgotten_and_so_is_a_cut_line(folder):
    for step in range(1, 6):
        folder.append({"kind": "train", "step": step})
    with folder.metrics_file.open("a") as file:
        file.write('{"kind": "train", "st')
    folder.forget_after(3)
    lines = folder.metrics_file.read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3]


def test_the_summary_keeps_names_values_and_units(folder):
    measurements = (Measurement(name="psnr", value=20.5, unit="dB"),)
    folder.write_summary(recipe=get_recipe("rooms"), steps=7, seconds=1.234, measurements=measurements)
    summary = json.loads(folder.summary_file.read_text())
    assert summary["steps"] == 7
    assert summary["measurements"] == [{"name": "psnr", "value": 20.5, "unit": "dB", "better": "higher"}]


def test_an_atomic_write_leaves_no_trace(tmp_path):
    path = tmp_path / "file.txt"
    write_atomically(path, "one")
    write_atomically(path, "two")
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]
