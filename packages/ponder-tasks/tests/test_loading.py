"""Batches through worker processes: the very same ones, however many there are and wherever a run starts."""

import gc
import os
import signal
import time
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from points_dataset import BoxOfPoints, assert_same, sequence_of
from ponder_data import CachedScenes, MixPart, Mixture
from ponder_tasks.broken_scenes import BrokenScene, BrokenScenes
from ponder_tasks.devices import move
from ponder_tasks.loading import FEW_BATCHES, MOST_WORKERS, load_batches, worker_count


def mixture() -> Mixture:
    parts = [
        MixPart(scenes=BoxOfPoints(3, "a")),
        MixPart(scenes=BoxOfPoints(2, "b", broken=(1,)), loop=1.5, condition="ScanNet"),
    ]
    return Mixture(parts)


def tolerant(scenes: int, said: list[str] | None = None) -> BrokenScenes:
    return BrokenScenes(scenes, 0.5, [].append if said is None else said.append)


@pytest.mark.parametrize("first", [0, 3])
def test_neither_workers_nor_the_start_change_a_batch(first):
    expected = [sequence_of(mixture(), steps=7)[step] for step in range(first, 7)]
    for workers in (0, 1, 2):
        with load_batches(
            sequence_of(mixture(), steps=7), first=first, workers=workers, broken=tolerant(5)
        ) as found:
            for a, b in zip(found, expected, strict=True):
                assert_same(a, b)


def test_threads_change_no_batch():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = sequence_of()[0]
        torch.set_num_threads(3)
        assert_same(sequence_of()[0], one)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_looking_ahead_loses_nothing_and_the_end_is_the_end():
    expected = [sequence_of(steps=2)[step] for step in range(2)]
    loader = load_batches(sequence_of(steps=2), first=0, workers=0)
    loader.look_ahead()
    loader.look_ahead()
    for a, b in zip(loader, expected, strict=True):
        assert_same(a, b)
    loader.look_ahead()
    assert list(loader) == []
    assert list(load_batches(sequence_of(steps=2), first=2, workers=0)) == []


def test_each_scene_is_read_by_one_worker_only(tmp_path):
    log = tmp_path / "log"
    scenes = CachedScenes(BoxOfPoints(6, log=log))
    with load_batches(sequence_of(scenes, batch_size=3, steps=12), first=0, workers=2) as loader:
        assert len(list(loader)) == 12
    readers = defaultdict(list)
    for line in log.read_text().splitlines():
        index, process = line.split()
        readers[int(index)].append(int(process))
    ahead = [index for index, processes in readers.items() if os.getpid() in processes]
    assert len(ahead) == 3, "this process makes the first batch"
    workers = {index: [p for p in processes if p != os.getpid()] for index, processes in readers.items()}
    assert all(len(processes) == 1 for processes in workers.values()), (
        "kept in memory by the one that read it"
    )
    assert len({processes[0] for processes in workers.values()}) == 2


def test_descriptors_and_processes_are_given_back():
    def descriptors() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    with load_batches(sequence_of(steps=3), first=0, workers=2) as loader:
        assert len(list(loader)) == 3
    before = descriptors()  # with what the first use leaves for all later ones
    with load_batches(sequence_of(steps=20), first=0, workers=2) as loader:
        next(loader)
        processes = loader.processes()
        assert len(processes) == 2
        kept = [next(loader) for _ in range(15)]
        assert descriptors() <= before + 2 * 2 + 2, "a batch that is kept holds no descriptor"
        del kept
    assert descriptors() == before
    assert not any(Path(f"/proc/{process}").exists() for process in processes)


def test_workers_outlive_the_signals_that_ask_a_run_to_save():
    expected = [sequence_of(steps=20)[step] for step in range(20)]
    with load_batches(sequence_of(steps=20), first=0, workers=2) as loader:
        found = [next(loader), next(loader)]
        for process in loader.processes():
            for number in (signal.SIGINT, signal.SIGTERM):
                os.kill(process, number)
        time.sleep(0.1)
        found += list(loader)
    for a, b in zip(found, expected, strict=True):
        assert_same(a, b)


def test_each_broken_scene_is_told_of_once():
    said: list[str] = []
    scenes = BoxOfPoints(20, broken=(3, 4))
    sequence = sequence_of(scenes, batch_size=10, steps=8)
    with load_batches(sequence, first=0, workers=2, broken=tolerant(20, said)) as loader:
        list(loader)
    assert len(said) == 2
    assert sorted(line.split(":")[0] for line in said) == [
        "skipping scene 3 of points, here and in every epoch",
        "skipping scene 4 of points, here and in every epoch",
    ]
    assert all(f"scan-{index}.ply is truncated" in "".join(said) for index in (3, 4))
    assert said[1].endswith("(2 of 20 scenes so far)")


def test_too_many_broken_scenes_end_the_run():
    scene = BrokenScene(index=7, name="scene 7 of rooms", reason="a.ply is empty")
    other = BrokenScene(index=8, name="scene 8 of rooms", reason="b.ply is empty")
    said: list[str] = []
    met = BrokenScenes(100, 0.01, said.append)
    met.note([scene])
    met.note([scene, scene])
    assert len(said) == len(met) == 1
    with pytest.raises(
        ValueError, match=r"b.ply is empty \(scene 8 of rooms; 2 of 100 scenes .* more than 0.01"
    ):
        met.note([other])
    with pytest.raises(ValueError, match=r"a.ply is empty .*1 of 99 .*trainer.broken_share"):
        BrokenScenes(99, 0.01, said.append).note([scene])


def test_auto_takes_the_cores_that_are_free(monkeypatch):
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    for cores, beside_cpu, beside_gpu in ((1, 0, 0), (2, 1, 1), (16, 1, 15), (128, 1, MOST_WORKERS)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        assert worker_count("auto", cpu, scenes=1000, batches=100) == beside_cpu
        assert worker_count("auto", gpu, scenes=1000, batches=100) == beside_gpu
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert worker_count("auto", gpu, scenes=1000, batches=100, processes=4) == 3
    assert worker_count("auto", gpu, scenes=2, batches=100) == 2
    assert worker_count("auto", gpu, scenes=1000, batches=FEW_BATCHES - 1) == 0
    assert worker_count(4, cpu, scenes=1000, batches=1) == 4


def test_a_batch_moves_to_where_the_model_is():
    batch = sequence_of()[0]
    assert_same(move(batch, torch.device("cpu")), batch)


@pytest.mark.gpu
def test_a_batch_moves_to_the_gpu_unchanged():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    batch = sequence_of()[0]
    there = move(batch, torch.device("cuda"))
    assert there.coord.is_cuda
    assert_same(there.to("cpu"), batch)
