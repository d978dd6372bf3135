"""The commands around a trainer that is played by a few events: what it is given, what is made of its end."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from ponder_tasks.listener import StepReport, TrainingEnd, TrainingListener, TrainingStart
from ponder_tasks.recipe import PretrainRecipe
from ponder_tasks.recipes import get_recipe
from ponder_tasks.run_folder import RunFolder
from typer.testing import Result

Ponder = Callable[..., Result]


class PlayedTrainer:
    """Stands where ``run_pretraining`` does; makes the folder of the run, sends events and ends as told."""

    def __init__(self, start: TrainingStart, report: StepReport, end: TrainingEnd) -> None:
        self.start, self.report, self.end = start, report, end
        self.recipe: PretrainRecipe | None = None
        self.path: Path | None = None
        self.command = ""

    def __call__(
        self,
        recipe: PretrainRecipe,
        path: Path,
        *,
        command: str,
        listener: TrainingListener,
        resume: bool = False,
    ) -> TrainingEnd:
        self.recipe, self.path, self.command = recipe, path, command
        folder = RunFolder.open(path) if resume else RunFolder.create(path, recipe, command)
        checkpoint = folder.checkpoints / f"step-{self.end.step:06d}"
        checkpoint.mkdir(exist_ok=True)
        (checkpoint / "manifest.json").write_text("{}")
        listener.started(self.start)
        listener.stepped(self.report)
        end = dataclasses.replace(self.end, run=path)
        listener.ended(end)
        return end


@pytest.fixture
def trainer(
    monkeypatch: pytest.MonkeyPatch,
    start: Callable[..., TrainingStart],
    step_report: Callable[..., StepReport],
    end: TrainingEnd,
) -> PlayedTrainer:
    """Put a played trainer in the place of the real one."""
    played = PlayedTrainer(start(), step_report(100), end)
    monkeypatch.setattr("ponder_tasks.pretrain.task.run_pretraining", played)
    return played


def test_a_finished_run_ends_in_a_table_and_what_to_do_next(ponder: Ponder, trainer: PlayedTrainer) -> None:
    result = ponder("pretrain", "rooms", "--set", "trainer.steps=3")
    assert result.exit_code == 0, result.stderr
    assert trainer.path == Path("runs/rooms-1")
    assert trainer.recipe is not None
    assert trainer.recipe.trainer.steps == 3
    assert trainer.command == "ponder pretrain rooms --set trainer.steps=3"
    assert "psnr" in result.stdout
    assert "checkpoint runs/rooms-1/checkpoints/step-000100" in result.stdout
    assert "next       ponder finetune rooms-semseg --encoder runs/rooms-1" in result.stdout
    assert "step 100/100, 0:00 left, loss 0.5321" in result.stderr, "progress goes to stderr"


def test_runs_are_numbered_and_named(ponder: Ponder, trainer: PlayedTrainer) -> None:
    ponder("pretrain", "rooms")
    ponder("pretrain", "rooms")
    assert trainer.path == Path("runs/rooms-2")
    ponder("pretrain", "rooms", "--name", "first", "--runs", "elsewhere")
    assert trainer.path == Path("elsewhere/first")
    again = ponder("pretrain", "rooms", "--name", "first", "--runs", "elsewhere")
    assert again.exit_code == 2
    assert "elsewhere/first exists already" in again.stderr


def test_an_interrupted_run_says_how_to_go_on(ponder: Ponder, trainer: PlayedTrainer) -> None:
    trainer.end = dataclasses.replace(trainer.end, step=40, interrupted=True, report=None)
    result = ponder("pretrain", "rooms")
    assert result.exit_code == 130
    assert result.stdout == ""
    last = result.stderr.splitlines()[-1]
    assert last == ("interrupted: saved after step 40; continue with: ponder pretrain --resume runs/rooms-1")


@pytest.mark.parametrize(
    "words",
    [
        ("--resume", "runs/rooms-1"),
        ("--resume", "rooms-1"),
        ("rooms", "--resume"),
        ("--resume", "--name", "rooms-1"),
    ],
)
def test_a_run_is_resumed_with_its_own_recipe(
    ponder: Ponder, trainer: PlayedTrainer, words: tuple[str, ...]
) -> None:
    ponder("pretrain", "rooms", "--set", "trainer.steps=17")
    trainer.recipe = None
    result = ponder("pretrain", *words)
    assert result.exit_code == 0, result.stderr
    assert trainer.path == Path("runs/rooms-1")
    assert trainer.recipe is not None
    assert trainer.recipe.trainer.steps == 17


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--resume", "runs/rooms-7"), "no run 'runs/rooms-7'"),
        (("rooms", "--resume"), "there is no run of rooms in runs to resume"),
        (("--resume",), "--resume needs a run"),
        (("rooms", "--resume", "--steps", "5"), "takes no --steps"),
        (("rooms", "--resume", "--set", "trainer.seed=1", "--device", "cpu"), "takes no --set, --device"),
    ],
)
def test_what_cannot_be_resumed_is_an_error(
    ponder: Ponder, trainer: PlayedTrainer, words: tuple[str, ...], message: str
) -> None:
    result = ponder("pretrain", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not Path("runs").exists(), "nothing was written"
    assert trainer.recipe is None


def test_a_run_of_the_other_kind_is_not_resumed(ponder: Ponder, trainer: PlayedTrainer) -> None:
    RunFolder.create(Path("runs/rooms-semseg-1"), get_recipe("rooms-semseg"), "ponder finetune")
    result = ponder("pretrain", "--resume", "rooms-semseg-1")
    assert result.exit_code == 2
    assert "rooms-semseg is a recipe for 'ponder finetune'" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("rooms-semseg",), "choose --encoder scratch, --encoder RUN or --encoder FILE"),
        (("rooms-semseg", "--encoder", "nowhere"), "nowhere is not there"),
        (("rooms", "--encoder", "scratch"), "rooms is a recipe for 'ponder pretrain'"),
        (("--resume", "runs/x", "--encoder", "scratch"), "leave --encoder, --condition and --probe out"),
        (("--resume", "runs/x", "--condition", "a"), "leave --encoder, --condition and --probe out"),
        (("rooms-semseg", "--encoder", "scratch", "--condition", "a"), "from scratch has no conditions"),
    ],
)
def test_finetuning_needs_an_encoder_that_fits(ponder: Ponder, words: tuple[str, ...], message: str) -> None:
    result = ponder("finetune", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("runs").exists(), "nothing was written"
