import json
from pathlib import Path
from typing import Any

import pytest
from ponder_tasks.report.history import History, read_history


def train(step: int, total: float, **losses: float) -> dict[str, Any]:
    return {"kind": "train", "step": step, "total": total, "losses": losses, "learning_rate": 0.1}


def write(path: Path, records: list[dict[str, Any]], tail: str = "") -> Path:
    file = path / "metrics.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records) + tail, encoding="utf-8")
    return file


def test_reads_both_kinds(tmp_path: Path) -> None:
    validation = {"kind": "validation", "step": 2, "measurements": {"psnr": 20.5}}
    history = read_history(write(tmp_path, [train(1, 3.0, color=1.0), train(2, 2.0, depth=0.5), validation]))
    assert [record.step for record in history.train] == [1, 2]
    assert history.train[1].total == 2.0
    assert history.train[1].losses == (("depth", 0.5),)
    assert history.loss_names() == ("color", "depth")
    assert history.validation[0].measurements == (("psnr", 20.5),)
    assert history.measurement_names() == ("psnr",)
    assert history.unreadable_lines == 0


def test_a_line_cut_off_by_a_kill_is_left_out_and_counted(tmp_path: Path) -> None:
    history = read_history(write(tmp_path, [train(1, 3.0)], tail='{"kind": "train", "step": 2, "tot'))
    assert [record.step for record in history.train] == [1]
    assert history.unreadable_lines == 1


def test_a_step_taken_again_after_resuming_counts_once(tmp_path: Path) -> None:
    history = read_history(write(tmp_path, [train(1, 3.0), train(2, 9.0), train(2, 2.0), train(3, 1.0)]))
    assert [(record.step, record.total) for record in history.train] == [(1, 3.0), (2, 2.0), (3, 1.0)]


def test_other_kinds_are_left_out(tmp_path: Path) -> None:
    assert read_history(write(tmp_path, [{"kind": "remark", "text": "hello"}])) == History()


def test_no_file_is_an_empty_history(tmp_path: Path) -> None:
    assert read_history(tmp_path / "metrics.jsonl") == History()


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 lines but none is a JSON record"):
        read_history(write(tmp_path, [], tail="step total\n1 0.5\n"))
    with pytest.raises(ValueError, match="a train record lacks total, losses"):
        read_history(write(tmp_path, [{"kind": "train", "step": 1, "learning_rate": 0.1}]))
