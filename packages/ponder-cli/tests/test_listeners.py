import io
from collections.abc import Callable

from ponder_cli.bar_listener import BarListener
from ponder_cli.line_listener import LineListener
from ponder_cli.watching import watching
from ponder_tasks.listener import Measurement, StepReport, TrainingEnd, TrainingStart, Validation
from rich.console import Console

Start = Callable[..., TrainingStart]
Report = Callable[..., StepReport]


def play(
    listener: LineListener | BarListener, start: TrainingStart, report: Report, end: TrainingEnd
) -> None:
    listener.started(start)
    for step in range(start.first_step + 1, start.steps + 1):
        listener.stepped(report(step))
    listener.said("five frames were dropped")
    listener.validated(Validation(step=100, measurements=(Measurement(name="psnr", value=20.0, unit="dB"),)))
    listener.ended(end)


def test_lines_come_every_ten_seconds_and_at_both_ends(
    start: Start, step_report: Report, end: TrainingEnd
) -> None:
    now = 0.0

    def clock() -> float:
        return now

    lines: list[str] = []
    listener = LineListener(lines.append, clock)
    listener.started(start())
    for step in range(1, 101):
        now = 0.3 * step
        listener.stepped(step_report(step))
    steps = [int(line.split("/")[0].removeprefix("step ")) for line in lines if line.startswith("step ")]
    assert steps == [1, 35, 69, 100]
    assert lines[2] == (
        "step 1/100, 0:30 left, loss 0.5321 (color 0.123, depth 0.4), 12.3k points/s, 512 rays/s"
    )


def test_lines_tell_what_is_trained_and_measured(start: Start, step_report: Report, end: TrainingEnd) -> None:
    lines: list[str] = []
    play(LineListener(lines.append), start(), step_report, end)
    assert lines[0] == "pretrain rooms: 100 steps, into runs/rooms-1"
    assert lines[1] == "1 x cpu, numba convolutions, 1.23M parameters, 48 training and 4 validation scenes"
    assert lines[-2:] == ["five frames were dropped", "validation at step 100: psnr 20 dB"]


def test_a_resumed_run_says_where_it_goes_on(start: Start, step_report: Report, end: TrainingEnd) -> None:
    lines: list[str] = []
    play(LineListener(lines.append), start(first_step=40), step_report, end)
    assert lines[0] == "pretrain rooms: steps 41 to 100 (resumed), into runs/rooms-1"


def test_no_rays_are_told_of_where_nothing_is_rendered(start: Start, step_report: Report) -> None:
    lines: list[str] = []
    listener = LineListener(lines.append)
    listener.started(start())
    listener.stepped(step_report(1, rays=0.0))
    assert "rays" not in lines[-1]


def test_waiting_for_data_is_told_of_where_it_matters(start: Start, step_report: Report) -> None:
    lines: list[str] = []
    listener = LineListener(lines.append)
    listener.started(start())
    listener.stepped(step_report(1, data_wait=0.3))
    assert lines[-1].endswith("512 rays/s, 30% waiting for data")


def test_the_bar_shows_steps_losses_and_rates(start: Start, step_report: Report, end: TrainingEnd) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    play(BarListener(console), start(), step_report, end)
    drawn = screen.getvalue()
    assert "100/100" in drawn
    assert "loss 0.5321 (color 0.123, depth 0.4)  12.3k points/s  512 rays/s" in drawn
    assert "measuring and writing the report" in drawn
    assert "step 100: psnr 20 dB" in drawn
    assert "five frames were dropped" in drawn


def test_the_bar_is_gone_after_an_error(start: Start) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    bar = BarListener(console)
    bar.started(start())
    bar.close()
    bar.close()
    shown, hidden = screen.getvalue().rfind("\x1b[?25h"), screen.getvalue().rfind("\x1b[?25l")
    assert shown > hidden >= 0, "the cursor is visible again"


def test_a_pipe_gets_plain_lines() -> None:
    with watching() as listener:
        assert isinstance(listener, LineListener)
