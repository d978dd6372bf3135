"""Preparing a cache, and everything that can stop it."""

import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ponder_data import Scenes, VirtualScans, VirtualScansConfig
from ponder_data.datasets.prepared_scenes import PreparedScenes, PreparedScenesConfig
from ponder_data.prepared.index import INDEX
from ponder_data.prepared.prepare import Estimate, PreparationListener, Prepared, prepare
from ponder_data.reading import ReadingOptions, open_folder

from .rgbd_room_folder import Folder
from .test_prepared_scene_file import assert_same

PROGRAM = """
import sys, time
from pathlib import Path
from ponder_data.prepared.prepare import PreparationListener, prepare
from ponder_data.reading import open_folder

class Stuck(PreparationListener):
    def advanced(self, done, scenes):
        print(done, flush=True)
        time.sleep(600)

if __name__ == "__main__":
    root, cache = Path(sys.argv[1]), Path(sys.argv[2])
    folder = open_folder(root)
    prepare(
        folder.scenes, cache, root=root, layout=folder.layout, settings=folder.settings, workers=2, listener=Stuck()
    )
"""


def write_scans(root: Path, count: int, points: int = 100) -> None:
    root.mkdir(exist_ok=True)
    for number in range(count):
        generator = np.random.default_rng(number)
        np.savez(
            root / f"{number:02d}.npz",
            coord=generator.random((points, 3)).astype(np.float32),
            color=generator.integers(0, 255, (points, 3), dtype=np.uint8),
            semantic=generator.integers(-1, 5, points),
        )


def prepared(root: Path, cache: Path, **options: object) -> Prepared:
    folder = open_folder(root)
    return prepare(
        folder.scenes,
        cache,
        root=root,
        layout=folder.layout,
        settings=folder.settings,
        **options,  # pyright: ignore[reportArgumentType]
    )


def contents(cache: Path) -> dict[str, bytes]:
    """Return every file of a cache but its lock, by name."""
    files = (file for file in cache.rglob("*") if file.is_file() and file.name != ".lock")
    return {file.relative_to(cache).as_posix(): file.read_bytes() for file in files}


def opened(cache: Path, split: str = "train") -> PreparedScenes:
    return PreparedScenes(PreparedScenesConfig(path=cache, split=split))


def test_a_cache_holds_what_the_reader_gives(tmp_path: Path) -> None:
    write_scans(tmp_path / "scans", 3)
    done = prepared(tmp_path / "scans", tmp_path / "cache")
    assert (done.made, done.kept, done.faults) == (3, 0, ())
    scenes = opened(tmp_path / "cache")
    assert isinstance(scenes, Scenes)
    original = open_folder(tmp_path / "scans").scenes
    assert len(scenes) == len(original)
    for index in range(len(scenes)):
        assert_same(scenes[index], original[index])
        assert scenes.is_intact(index)


def test_splits_and_held_out_views_come_back(folder: Folder, tmp_path: Path) -> None:
    folder.write_many(6)
    root = tmp_path / "frames"
    root.mkdir()
    for file in tmp_path.glob("*.*"):
        shutil.move(file, root)
    opened_folder = open_folder(root, ReadingOptions(frame_stride=2, frames_per_scene=2))
    assert [len(scene.views) for scene in map(opened_folder.scenes.__getitem__, range(2))] == [2, 1]
    prepare(opened_folder.scenes, tmp_path / "c", root=root, layout="rgbd", settings=opened_folder.settings)
    assert len(opened(tmp_path / "c", "train")) == len(opened(tmp_path / "c", "val")) == 2
    whole = open_folder(root, ReadingOptions(frames_per_scene=None))
    prepare(whole.scenes, tmp_path / "c", root=root, layout="rgbd", settings=whole.settings)
    assert len(opened(tmp_path / "c", "val")[0].held_out_views) == 1
    assert opened(tmp_path / "c", "train")[0].held_out_views == ()
    with pytest.raises(ValueError, match="no scene of split 'test'; it has train, val"):
        opened(tmp_path / "c", "test")
    assert len(list((tmp_path / "c" / "scenes").glob("*.npz"))) == 1, "scenes of other settings are gone"


def test_virtual_views_are_prepared_with_their_splits(tmp_path: Path) -> None:
    write_scans(tmp_path / "scans", 3, points=400)
    options = ReadingOptions(virtual_views=1, image_width=40)
    folder = open_folder(tmp_path / "scans", options)
    prepare(folder.scenes, tmp_path / "c", root=folder.path, layout=folder.layout, settings=folder.settings)
    assert (len(opened(tmp_path / "c", "train")), len(opened(tmp_path / "c", "val"))) == (2, 1)
    direct = VirtualScans(
        VirtualScansConfig(
            path=folder.path, split="val", views=1, held_out_views=1, image_width=40, image_height=30
        )
    )
    assert_same(opened(tmp_path / "c", "val")[0], direct[0])


def test_only_what_is_missing_or_changed_is_prepared(tmp_path: Path) -> None:
    write_scans(tmp_path / "scans", 4)
    prepared(tmp_path / "scans", tmp_path / "cache")
    again = prepared(tmp_path / "scans", tmp_path / "cache")
    assert (again.made, again.kept) == (0, 4)
    (tmp_path / "scans" / "01.npz").unlink()
    shutil.copy(tmp_path / "scans" / "02.npz", tmp_path / "scans" / "00.npz")
    changed = prepared(tmp_path / "scans", tmp_path / "cache")
    assert (changed.made, changed.kept) == (1, 2)
    assert len(list((tmp_path / "cache" / "scenes").glob("*.npz"))) == 3
    assert_same(opened(tmp_path / "cache")[0].coord, opened(tmp_path / "cache")[1].coord)


@pytest.mark.slow
def test_killed_in_mid_way_and_resumed_it_gives_the_same_files(tmp_path: Path) -> None:
    root, cache, program = tmp_path / "scans", tmp_path / "cache", tmp_path / "program.py"
    write_scans(root, 4, points=60)
    program.write_text(PROGRAM)
    # The program records the first scene and is killed then, while its two workers go on with the others.
    process = subprocess.Popen([sys.executable, program, root, cache], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "1\n"
    children = _children(process.pid)
    assert len(children) >= 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    _wait_for_the_end_of(children)
    assert len(list((cache / "scenes").glob("*.json"))) == 1
    (cache / "scenes" / ".deadbeef.npz.99.partial").write_bytes(b"half")
    with pytest.raises(ValueError, match="not finished: prepare it again"):
        opened(cache)
    done = prepared(root, cache)
    assert (done.made, done.kept) == (3, 1)
    prepared(root, tmp_path / "undisturbed")
    assert contents(cache) == contents(tmp_path / "undisturbed")


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    root, cache = tmp_path / "scans", tmp_path / "cache"
    write_scans(root, 2, points=50)
    write_scans(tmp_path / "large", 1, points=5000)
    shutil.move(tmp_path / "large" / "00.npz", root / "99.npz")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Beyond this size the kernel refuses to write, as it does on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
    try:
        with pytest.raises(ValueError, match=r"the disk is full\); 2 of 3 scenes are prepared and whole"):
            prepared(root, cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not [name for name in contents(cache) if "partial" in name]
    assert not (cache / INDEX).exists()
    done = prepared(root, cache)
    assert (done.made, done.kept) == (1, 2)


def test_too_little_space_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scans(tmp_path / "scans", 3)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    estimates: list[Estimate] = []

    class Listening(PreparationListener):
        def estimated(self, estimate: Estimate) -> None:
            estimates.append(estimate)

    with pytest.raises(ValueError, match=r"3 scenes take about 0\.00 GB, but only 0\.00 GB are free"):
        prepared(tmp_path / "scans", tmp_path / "cache", listener=Listening())
    assert contents(tmp_path / "cache") == {}
    monkeypatch.undo()
    done = prepared(tmp_path / "scans", tmp_path / "cache")
    assert estimates[0].bytes == pytest.approx(sum(scene.bytes for scene in done.index.scenes), rel=0.1)


def test_a_broken_scene_does_not_stop_the_others(tmp_path: Path) -> None:
    root, cache = tmp_path / "scans", tmp_path / "cache"
    write_scans(root, 3)
    whole = (root / "01.npz").read_bytes()
    (root / "01.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        ValueError, match=r"1 of 3 scenes cannot be read, the first: .*01\.npz: cannot be read"
    ):
        prepared(root, cache)
    done = prepared(root, cache, skip_broken=True)
    assert (done.made, done.kept, len(done.faults), len(opened(cache))) == (0, 2, 1, 2)
    (root / "01.npz").write_bytes(whole)
    assert prepared(root, cache).made == 1


def test_places_where_no_cache_can_be_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "scans"
    write_scans(root, 1)
    with pytest.raises(ValueError, match="choose a folder outside"):
        prepared(root, root / "cache")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").touch()
    with pytest.raises(ValueError, match="holds other files and is no cache"):
        prepared(root, tmp_path / "letters")
    with pytest.raises(ValueError, match="is a file"):
        prepared(root, tmp_path / "letters" / "a.txt")


def test_two_programs_do_not_prepare_one_cache(tmp_path: Path) -> None:
    write_scans(tmp_path / "scans", 1)
    (tmp_path / "cache" / "scenes").mkdir(parents=True)
    program = (
        "import sys, time, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); "
        "print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "cache" / ".lock"], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ValueError, match="another program is preparing it"):
        prepared(tmp_path / "scans", tmp_path / "cache")
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert prepared(tmp_path / "scans", tmp_path / "cache").made == 1


def _wait_for_the_end_of(processes: list[int]) -> None:
    deadline = time.monotonic() + 60
    while any(_runs(process) for process in processes):
        assert time.monotonic() < deadline, "workers outlive the program that started them"
        time.sleep(0.02)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().split(") ")[1][0] != "Z"
