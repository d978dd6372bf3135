from collections.abc import Callable
from pathlib import Path

import pytest
from ponder_cli.commands.bench import minutes_of
from ponder_tasks.bench.bench import BenchEnd
from ponder_tasks.bench.plan import Plan
from ponder_tasks.bench.running import BenchStopped
from typer.testing import Result

Ponder = Callable[..., Result]


def test_the_estimate_comes_first_and_the_table_last(ponder: Ponder, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[Plan] = []

    def run_bench(plan: Plan, output: Path, **options: object) -> BenchEnd:
        plans.append(plan)
        output.mkdir()
        (output / "table.md").write_text("| task |\n")
        return BenchEnd(
            results=(),
            table=output / "table.md",
            json=output / "results.json",
            page=output / "index.html",
            seconds=200.0,
        )

    monkeypatch.setattr("ponder_tasks.bench.bench.run_bench", run_bench)
    result = ponder(
        "bench", "indoor", "-o", "out", "--seeds", "2", "--only", "segmentation", "--budget", "20"
    )
    assert result.exit_code == 0, result.stderr
    assert [run.name for run in plans[0].runs] == [
        "pretrain-rooms-0",
        "rooms-segmentation-scratch-0",
        "rooms-segmentation-pretrained-0",
        "pretrain-rooms-1",
        "rooms-segmentation-scratch-1",
        "rooms-segmentation-pretrained-1",
    ]
    assert plans[0].seconds <= 20 * 60
    assert "no folder of real scans was given" in result.stderr
    assert "6 runs (2 seeds, " in result.stderr
    assert result.stdout.splitlines()[0] == "| task |"
    assert "3 min 20 s, estimated" in result.stdout
    assert "out/index.html" in result.stdout


def test_a_stop_says_how_to_go_on(ponder: Ponder, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_bench(plan: Plan, output: Path, **options: object) -> BenchEnd:
        raise BenchStopped("out/pretrain-rooms-0 is saved at step 7")

    monkeypatch.setattr("ponder_tasks.bench.bench.run_bench", run_bench)
    result = ponder("bench", "indoor", "-o", "out")
    assert result.exit_code == 130
    assert (
        "interrupted: out/pretrain-rooms-0 is saved at step 7; the same command goes on from here"
        in result.stderr
    )


def test_the_outdoor_benchmark_is_planned_the_same_way(
    ponder: Ponder, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []

    def run_bench(plan: Plan, output: Path, **options: object) -> BenchEnd:
        plans.append(plan)
        raise BenchStopped("out/pretrain-camera-0 is saved at step 7")

    monkeypatch.setattr("ponder_tasks.bench.bench.run_bench", run_bench)
    result = ponder("bench", "outdoor", "--only", "streets-detection-camera", "--seeds", "1", "-o", "out")
    assert result.exit_code == 130
    assert [run.name for run in plans[0].runs] == [
        "pretrain-camera-0",
        "streets-detection-camera-scratch-0",
        "streets-detection-camera-pretrained-0",
    ]
    assert "no folder of nuScenes was given" in result.stderr
    wrong = ponder("bench", "outdoor", "--data", "nowhere")
    assert wrong.exit_code == 2
    assert wrong.stderr.startswith("error: nowhere: no such folder")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--budget", "gpu"), "error: --budget gpu: give cpu, or minutes"),
        (("--budget", "0.1"), "error: a budget of 0.1 min is too small"),
        (("--only", "sleep"), "error: --only sleep: the benchmark indoor has no such task"),
        (("--data", "nowhere"), "error: nowhere: no such folder"),
    ],
)
def test_what_cannot_be_run_is_one_line(ponder: Ponder, words: tuple[str, ...], message: str) -> None:
    result = ponder("bench", "indoor", *words)
    assert result.exit_code == 2
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_budgets_are_names_or_minutes() -> None:
    assert minutes_of("cpu") == 60
    assert minutes_of("7.5") == 7.5


def test_bench_alone_lists_its_benchmarks(ponder: Ponder) -> None:
    listed = ponder("bench").stdout
    assert "indoor" in listed
    assert "outdoor" in listed
