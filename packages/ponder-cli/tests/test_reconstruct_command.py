from collections.abc import Callable
from pathlib import Path

import pytest
from ponder_tasks.reconstruct.mesh_file import MeshFile
from typer.testing import Result

Ponder = Callable[..., Result]


def test_what_was_reconstructed_is_said_in_one_line(ponder: Ponder, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    def reconstruct_scan(scan: Path, run: Path, output: Path, **options: object) -> MeshFile:
        given.extend([scan, run, output, options["trim"], options["resolution"]])
        return MeshFile(
            output=output,
            points=1000,
            vertices=500,
            triangles=998,
            size=(5.0, 4.123, 2.5),
            trimmed=0.25 if options["trim"] else 0.0,
            seconds=3.21,
            recipe="rooms",
        )

    monkeypatch.setattr("ponder_tasks.reconstruct.mesh_file.reconstruct_scan", reconstruct_scan)
    Path("runs/rooms-1").mkdir(parents=True)
    words = ("reconstruct", "scan.ply", "-o", "mesh.ply", "--encoder", "rooms-1")
    result = ponder(*words)
    assert result.exit_code == 0, result.stderr
    assert given == [Path("scan.ply"), Path("runs/rooms-1"), Path("mesh.ply"), 0.2, 256]
    assert result.stdout == (
        "mesh.ply: 500 vertices, 998 triangles, 5.00 x 4.12 x 2.50 m, 25 % of it trimmed, from 1000 points in 3.2 s, "
        "by rooms\n"
    )
    given.clear()
    result = ponder(*words, "--trim", "0", "--resolution", "64")
    assert given[3:] == [None, 64]
    assert "trimmed" not in result.stdout


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("mesh.ply", (), "nowhere is not there"),
        ("mesh.txt", (), "must end in .ply, .obj or .glb"),
        ("no/folder/mesh.ply", (), "no/folder is not there"),
        ("mesh.ply", ("--trim", "-1"), "cannot trim at -1.0 m"),
        ("mesh.ply", ("--resolution", "0"), "a resolution of 0"),
    ],
)
def test_what_cannot_be_reconstructed_is_one_line(
    ponder: Ponder, output: str, options: tuple[str, ...], message: str
) -> None:
    result = ponder("reconstruct", "scan.ply", "-o", output, "--encoder", "nowhere", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(Path().iterdir()) == []
