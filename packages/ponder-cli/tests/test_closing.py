import io
from pathlib import Path

from ponder_cli.closing import interruption, print_closing
from ponder_tasks.listener import TrainingEnd
from rich.console import Console


def test_the_closing_table_has_figures_paths_and_the_next_command(end: TrainingEnd) -> None:
    screen = io.StringIO()
    next_commands = ["ponder finetune rooms-semseg --encoder runs/rooms-1", "ponder encode scan.ply"]
    checkpoint = Path("runs/rooms-1/checkpoints/step-000100")
    print_closing(Console(file=screen, width=60), end, checkpoint=checkpoint, next_commands=next_commands)
    printed = screen.getvalue()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line]
    assert rows == [["psnr", "21.35", "dB", "↑"], ["depth_error", "0.1234", "m", "↓"]]
    assert "runs/rooms-1: 100 steps in 1:15" in printed
    assert "report     runs/rooms-1/report.html" in printed
    assert "checkpoint runs/rooms-1/checkpoints/step-000100" in printed
    assert "next       ponder finetune rooms-semseg --encoder runs/rooms-1\n" in printed
    assert "           ponder encode scan.ply\n" in printed


def test_an_interruption_says_how_to_go_on(end: TrainingEnd) -> None:
    line = interruption(end, "pretrain")
    assert line == "interrupted: saved after step 100; continue with: ponder pretrain --resume runs/rooms-1"
