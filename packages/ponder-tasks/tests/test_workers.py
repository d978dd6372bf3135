"""Worker processes: answers in order, errors as they were raised, deaths told of in one line."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from odd_functions import odd, slow, squared, unsendable
from ponder_tasks import workers as module
from ponder_tasks.workers import Workers


def test_answers_come_in_the_order_of_the_requests():
    workers = Workers(squared, 2)
    try:
        for number in range(12):
            workers.request(number % 2, number)
        for number in range(12):
            found, tensor, threads = workers.receive(number % 2)
            assert found == number
            assert torch.equal(tensor, torch.full((1000,), number**2))
            assert threads == 1
    finally:
        workers.close()


def test_an_error_is_raised_as_it_was_with_its_traceback():
    workers = Workers(odd, 1)
    try:
        for number in (1, 2, 0):
            workers.request(0, number)
        with pytest.raises(KeyError, match="position 1") as caught:
            workers.receive(0)
        assert 'raise KeyError("position 1")' in str(caught.value.__cause__)
        with pytest.raises(RuntimeError, match="LocalTroubleError: this and that"):
            workers.receive(0)
        assert workers.receive(0) == 0, "the worker goes on"
    finally:
        workers.close()


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (3, r"\(pid \d+\) was killed, .*trainer.workers=1.* --resume"),
        (4, "ended with exit code 7; with --set trainer.workers=0"),
        (5, "no more shared memory; make /dev/shm larger"),
    ],
)
def test_a_worker_that_dies_is_one_clear_error(number, message):
    workers = Workers(odd, 1)
    try:
        workers.request(0, number)
        with pytest.raises(ChildProcessError, match=message):
            workers.receive(0)
        with pytest.raises(ChildProcessError, match=message):
            workers.request(0, 0)
    finally:
        workers.close()


def test_what_cannot_be_sent_is_an_error_not_a_silence():
    workers = Workers(unsendable, 1)
    try:
        workers.request(0, 0)
        with pytest.raises(TypeError, match="pickle"):
            workers.receive(0)
    finally:
        workers.close()


def test_a_worker_that_does_not_leave_is_killed(monkeypatch):
    monkeypatch.setattr(module, "SECONDS_TO_LEAVE", 0.3)
    workers = Workers(slow, 2)
    for worker in range(2):
        workers.request(worker, 0)
    (first, second), started = workers.processes(), time.monotonic()
    workers.close()
    assert time.monotonic() - started < 10
    assert not any(Path(f"/proc/{process}").exists() for process in (first, second))


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from odd_functions import squared
from ponder_tasks.workers import Workers

print("the script runs", flush=True)
workers = Workers(squared, 1)
workers.request(0, 3)
print(workers.receive(0)[1][0].item(), flush=True)
"""


def test_a_script_needs_no_guard_and_may_forget_to_close(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent)))
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout.split("\n"), done.stderr) == (0, ["the script runs", "9", ""], "")
