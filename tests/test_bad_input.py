"""Bad input: one readable line that says what, where and what to do; exit code 2; nothing half-written."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import TINY_ENCODER, TINY_PRETRAIN, TINY_SEGMENT, set_options


def assert_refused(done, *parts: str) -> None:
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert lines[-1].startswith("error: "), done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in lines[-1], lines[-1]


def write_sequence(
    folder: Path, *, frames: int = 6, depth: int = 2000, color_size: tuple[int, int] = (64, 48)
) -> None:
    folder.mkdir()
    np.savetxt(folder / "camera-intrinsics.txt", [[60, 0, 32], [0, 60, 24], [0, 0, 1]])
    for i in range(frames):
        name = f"frame-{i:06d}"
        noise = np.random.default_rng(i).integers(0, 255, (color_size[1], color_size[0], 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{name}.color.jpg")
        ramp = np.full((48, 64), depth, dtype=np.uint16) + (np.arange(64, dtype=np.uint16) if depth else 0)
        Image.fromarray(ramp).save(folder / f"{name}.depth.png")
        pose = np.eye(4)
        pose[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
        pose[0, 3] = 0.05 * i
        np.savetxt(folder / f"{name}.pose.txt", pose)


def pretrain_rgbd(ponder, *words: str):
    options = [a for a in TINY_PRETRAIN if not a.startswith(("train_data", "val_data"))]
    return ponder(
        "pretrain", "rgbd", "--steps", "2", *set_options((*options, "val_data.held_out_every=3")), *words
    )


def test_a_good_sequence_is_accepted(ponder, tmp_path):
    write_sequence(tmp_path / "good")
    done = pretrain_rgbd(ponder, "--data", "good")
    assert done.returncode == 0, done.stderr


def test_a_data_folder_that_is_not_there(ponder, tmp_path):
    assert_refused(pretrain_rgbd(ponder, "--data", "nowhere"), "nowhere", "no such folder")
    assert not (tmp_path / "runs").exists()


def test_a_recipe_that_needs_data_says_so(ponder, tmp_path):
    assert_refused(pretrain_rgbd(ponder), "--data")
    assert not (tmp_path / "runs").exists()


def test_depth_all_missing(ponder, tmp_path):
    write_sequence(tmp_path / "dark", depth=0)
    assert_refused(pretrain_rgbd(ponder, "--data", "dark"), "dark", "depth")
    assert not (tmp_path / "runs").exists()


def test_mismatched_image_sizes(ponder, tmp_path):
    write_sequence(tmp_path / "odd", color_size=(32, 24))
    assert_refused(pretrain_rgbd(ponder, "--data", "odd"), "odd", "size")
    assert not (tmp_path / "runs").exists()


def test_no_views(ponder, tmp_path):
    write_sequence(tmp_path / "empty", frames=0)
    assert_refused(pretrain_rgbd(ponder, "--data", "empty"), "empty", "frame")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("assignment", "nearest"),
    [("trainer.stepz=3", "trainer.steps"), ("renderer.volume=3", "renderer.volume_shape")],
)
def test_an_unknown_recipe_key(ponder, tmp_path, assignment, nearest):
    done = ponder("pretrain", "rooms", "--set", assignment)
    assert_refused(done, assignment.split("=")[0], nearest)
    assert not (tmp_path / "runs").exists()


def test_an_unknown_recipe(ponder):
    assert_refused(ponder("pretrain", "rom"), "rom", "rooms")


@pytest.fixture
def checkpoint(pretrained) -> Path:
    return next((pretrained / "checkpoints").glob("step-*"))


def test_a_truncated_checkpoint(ponder, tmp_path, checkpoint):
    file = checkpoint / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    for source in ("runs/rooms-1", str(file)):
        done = ponder("finetune", "rooms-semseg", "--encoder", source, *set_options(TINY_SEGMENT))
        assert_refused(done, "model.safetensors", "truncated")
    assert not (tmp_path / "runs" / "rooms-semseg-1").exists()


@pytest.mark.parametrize(
    ("coord", "words"),
    [
        (np.zeros((0, 3)), ("0 point",)),
        (np.zeros((1, 3)), ("1 point",)),
        (np.full((10, 3), np.nan), ("NaN",)),
    ],
    ids=["empty", "one point", "NaN"],
)
def test_scans_that_cannot_be_encoded(ponder, tmp_path, checkpoint, coord, words):
    np.savez(
        tmp_path / "scan.npz", coord=coord.astype(np.float32), color=np.zeros_like(coord, dtype=np.uint8)
    )
    done = ponder("encode", "scan.npz", "-o", "features.npz", "--encoder", "runs/rooms-1")
    assert_refused(done, "scan", *words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "scan.npz"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there(ponder, tmp_path):
    assert_refused(
        ponder("pretrain", "rooms", "--device", "cuda", *set_options(TINY_PRETRAIN)), "cuda", "--device cpu"
    )
    assert not (tmp_path / "runs").exists()


def test_an_encoder_that_is_not_there(ponder, tmp_path):
    done = ponder("finetune", "rooms-semseg", "--encoder", "runs/none", *set_options(TINY_SEGMENT))
    assert_refused(done, "runs/none")
    assert not (tmp_path / "runs").exists()


def test_a_run_that_exists_is_not_overwritten(ponder, checkpoint, tmp_path):
    before = (tmp_path / "runs/rooms-1/metrics.jsonl").read_text()
    done = ponder("pretrain", "rooms", "--name", "rooms-1", "--steps", "1", *set_options(TINY_PRETRAIN))
    assert_refused(done, "rooms-1", "--name")
    assert (tmp_path / "runs/rooms-1/metrics.jsonl").read_text() == before


def test_a_loss_that_is_not_finite_stops_with_its_name(ponder, tmp_path):
    words = [*TINY_PRETRAIN, "optimizer.learning_rate=1e30", "trainer.clip_gradient_norm=null"]
    done = ponder("pretrain", "rooms", "--steps", "20", *set_options(tuple(words)))
    assert_refused(done, "not finite")
    assert any(name in done.stderr for name in ("color", "distance", "eikonal", "near_surface", "free_space"))


def test_torch_is_not_asked_to_unpickle(tmp_path):
    from ponder_tasks.checkpoint import load_weights

    file = tmp_path / "model.pth"
    torch.save({"a": torch.zeros(1)}, file)
    with pytest.raises(ValueError, match=r"model\.pth"):
        load_weights(file)


def test_an_unknown_encoder_backend_names_the_choices(ponder):
    done = ponder("pretrain", "rooms", "--set", "encoder.backend=tpu", *set_options(TINY_ENCODER[:1]))
    assert_refused(done, "encoder.backend", "tpu")
