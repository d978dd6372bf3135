from collections.abc import Callable
from pathlib import Path

import pytest
from ponder_tasks.encoding import Encoding
from typer.testing import Result

Ponder = Callable[..., Result]


def test_what_was_encoded_is_said_in_one_line(ponder: Ponder, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Path] = []

    def encode_scan(scan: Path, encoder_source: Path, output: Path, **options: str | None) -> Encoding:
        given.extend([scan, encoder_source, output])
        return Encoding(
            scan=scan, output=output, points=1000, cells=400, channels=48, grid_size=0.05, encoder="rooms"
        )

    monkeypatch.setattr("ponder_tasks.encoding.encode_scan", encode_scan)
    Path("runs/rooms-1").mkdir(parents=True)
    result = ponder("encode", "scan.ply", "-o", "features.npz", "--encoder", "rooms-1")
    assert result.exit_code == 0, result.stderr
    assert given == [Path("scan.ply"), Path("runs/rooms-1"), Path("features.npz")]
    assert result.stdout == "features.npz: 1000 points x 48 features (400 cells of 0.05 m), by rooms\n"


@pytest.mark.parametrize(
    ("scan", "output", "message"),
    [
        ("nowhere.ply", "features.npz", "nowhere.ply"),
        ("nowhere.ply", "features.txt", "features.txt must end in .npz"),
        ("nowhere.ply", "no/folder/features.npz", "no/folder is not there"),
    ],
)
def test_what_cannot_be_encoded_is_one_line(ponder: Ponder, scan: str, output: str, message: str) -> None:
    result = ponder("encode", scan, "-o", output, "--encoder", "nowhere")
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(Path().iterdir()) == []
