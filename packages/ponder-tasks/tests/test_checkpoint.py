"""Checkpoints: whole or absent, exact, and readable errors when broken."""

import json

import pytest
import torch
from ponder_tasks.checkpoint import (
    MANIFEST,
    STATE,
    WEIGHTS,
    latest_checkpoint,
    list_checkpoints,
    load_training_state,
    load_weights,
    save_checkpoint,
)
from ponder_tasks.optimizer import OptimizerConfig, build_optimizer, build_schedule
from ponder_tasks.recipes import get_recipe
from torch import nn


def learner(seed: int = 0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    optimizer = build_optimizer(model, OptimizerConfig())
    return model, optimizer, build_schedule(optimizer, OptimizerConfig(), steps=50)


def step(model, optimizer, schedule, seed: int) -> float:
    data = torch.randn(8, 3, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    loss = model(data).square().mean()
    loss.backward()
    optimizer.step()
    schedule.step()
    return float(loss.detach())


def save(folder, learner_parts, steps: int, keep: int = 2):
    model, optimizer, schedule = learner_parts
    return save_checkpoint(
        folder,
        step=steps,
        model=model,
        optimizer=optimizer,
        schedule=schedule,
        recipe=get_recipe("rooms"),
        keep=keep,
    )


def test_a_loaded_learner_takes_the_very_same_steps(tmp_path):
    first = learner()
    for i in range(5):
        step(*first, seed=i)
    path = save(tmp_path, first, 5)
    expected = [step(*first, seed=i) for i in range(5, 10)]
    second = learner(seed=1)
    model, optimizer, schedule = second
    assert load_training_state(path, model=model, optimizer=optimizer, schedule=schedule) == 5
    assert [step(*second, seed=i) for i in range(5, 10)] == expected


def test_only_the_newest_are_kept(tmp_path):
    parts = learner()
    for steps in (10, 20, 30):
        save(tmp_path, parts, steps, keep=2)
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-000020", "step-000030"]
    assert latest_checkpoint(tmp_path).name == "step-000030"


def test_an_unfinished_checkpoint_is_not_seen(tmp_path):
    path = save(tmp_path, learner(), 10)
    (tmp_path / ".step-000020.partial").mkdir()
    broken = tmp_path / "step-000030"
    broken.mkdir()
    assert latest_checkpoint(tmp_path) == path


@pytest.mark.parametrize("name", [WEIGHTS, STATE])
def test_a_truncated_file_is_named(tmp_path, name):
    parts = learner()
    path = save(tmp_path, parts, 10)
    file = path / name
    file.write_bytes(file.read_bytes()[:-20])
    model, optimizer, schedule = parts
    with pytest.raises(ValueError, match=f"{name} is truncated"):
        load_training_state(path, model=model, optimizer=optimizer, schedule=schedule)


def test_a_truncated_weights_file_alone_is_named(tmp_path):
    file = save(tmp_path, learner(), 10) / WEIGHTS
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ValueError, match="model.safetensors cannot be read"):
        load_weights(file)


def test_weights_carry_the_recipe(tmp_path):
    parts = learner()
    path = save(tmp_path, parts, 10)
    weights = load_weights(path / WEIGHTS)
    assert weights.recipe == get_recipe("rooms")
    for name, value in parts[0].state_dict().items():
        assert torch.equal(weights.tensors[name], value)


def test_weights_of_another_model_are_refused(tmp_path):
    path = save(tmp_path, learner(), 10)
    other = nn.Linear(2, 2)
    optimizer = build_optimizer(other, OptimizerConfig())
    with pytest.raises(ValueError, match="do not fit"):
        load_training_state(
            path, model=other, optimizer=optimizer, schedule=build_schedule(optimizer, OptimizerConfig(), 5)
        )


@pytest.mark.parametrize("made", [None, "empty"])
def test_a_path_without_weights_is_named(tmp_path, made):
    path = tmp_path / "runs"
    if made:
        path.mkdir()
    with pytest.raises(ValueError, match="runs"):
        load_weights(path)


def test_the_manifest_says_how_large_the_files_are(tmp_path):
    path = save(tmp_path, learner(), 10)
    manifest = json.loads((path / MANIFEST).read_text())
    assert manifest["step"] == 10
    assert all((path / name).stat().st_size == size for name, size in manifest["sizes"].items())
