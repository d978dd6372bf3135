import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

Ponder = Callable[..., Result]


def write_scans(root: Path, count: int = 3) -> Path:
    """Write coloured, labelled scans into ``root/train``."""
    (root / "train").mkdir(parents=True)
    for number in range(count):
        generator = np.random.default_rng(number)
        np.savez(
            root / "train" / f"{number}.npz",
            coord=generator.uniform(0, 3, (300, 3)).astype(np.float32),
            color=generator.integers(0, 255, (300, 3), dtype=np.uint8),
            semantic=generator.integers(0, 4, 300),
        )
    return root


@pytest.fixture
def scans(ponder: Ponder) -> Path:
    return write_scans(Path("scans"))


def test_the_group_explains_itself(ponder: Ponder) -> None:
    result = ponder("data")
    assert result.exit_code == 0
    assert result.stderr == ""
    for word in ("list", "inspect", "check", "prepare"):
        assert word in result.stdout


@pytest.mark.parametrize("command", ["list", "inspect", "check", "prepare"])
def test_every_command_explains_itself(ponder: Ponder, command: str) -> None:
    result = ponder("data", command, "--help")
    assert result.exit_code == 0
    assert f"Usage: ponder data {command}" in result.stdout


def test_help_does_not_wait_for_torch() -> None:
    program = """
import sys
sys.argv = ["ponder", "data", "prepare", "--help"]
from ponder_cli.app import main
try:
    main()
finally:
    print("slow:", sorted({"torch", "numpy", "ponder_tasks"} & set(sys.modules)), file=sys.stderr)
"""
    process = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert process.stderr == "slow: []\n"


def test_sources_are_listed_with_licence_and_place(ponder: Ponder) -> None:
    text = ponder("data", "list").stdout
    assert "nuScenes: 1000 drives" in text
    assert "\n  licence  CC BY-NC-SA 4.0, and terms of use\n" in text
    assert "\n  where    https://www.nuscenes.org/nuscenes#download\n" in text
    sources = json.loads(ponder("data", "list", "--json").stdout)
    assert {"name", "holds", "layout", "licence", "where"} == set(sources[0])
    assert len({source["name"] for source in sources}) == len(sources)


def test_inspect_prints_figures_and_writes_a_page(ponder: Ponder, scans: Path) -> None:
    result = ponder("data", "inspect", str(scans))
    assert result.exit_code == 0, result.stderr
    assert "folder of scans and meshes" in result.stdout
    assert "train 3" in result.stdout
    assert "page       scans-data.html\n" in result.stdout
    assert "Data: scans" in Path("scans-data.html").read_text()
    result = ponder("data", "inspect", str(scans), "-o", "other.html", "--scenes", "2")
    assert "figures are of 2 of the 3 scenes; --scenes N reads more" in result.stderr
    assert Path("other.html").is_file()


def test_good_data_passes_the_check(ponder: Ponder, scans: Path) -> None:
    result = ponder("data", "check", str(scans))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "scans (folder of scans and meshes): 3 scenes examined, nothing is wrong\n"


def test_errors_are_named_with_their_files_and_exit_with_1(ponder: Ponder, scans: Path) -> None:
    for name in ("1.npz", "2.npz"):
        file = scans / "train" / name
        file.write_bytes(file.read_bytes()[:200])
    result = ponder("data", "check", str(scans))
    assert result.exit_code == 1
    assert "files that are empty, cut off or damaged (2)\n" in result.stdout
    assert "\n  error  train/1.npz: is no whole archive" in result.stdout
    assert result.stdout.endswith("3 scenes examined, 2 errors, 0 warnings\n")
    as_json = ponder("data", "check", str(scans), "--json")
    assert as_json.exit_code == 1
    report = json.loads(as_json.stdout)
    assert (report["errors"], report["warnings"], report["scenes"]) == (2, 0, 3)
    assert [finding["file"] for finding in report["findings"]] == ["train/1.npz", "train/2.npz"]
    assert {finding["check"] for finding in report["findings"]} == {"unreadable"}


def test_warnings_alone_exit_with_0(ponder: Ponder, scans: Path) -> None:
    np.save(scans / "train" / "9.npy", np.random.default_rng(9).uniform(0, 3, (300, 3)))
    result = ponder("data", "check", str(scans))
    assert result.exit_code == 0
    assert "  warning  train/9.npy: holds no colours" in result.stdout
    assert result.stdout.endswith("0 errors, 1 warning\n")


def test_prepare_says_what_it_takes_and_what_came_of_it(ponder: Ponder, scans: Path) -> None:
    result = ponder("data", "prepare", str(scans), "-o", "cache", "--virtual-views", "0")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith("3 scenes to prepare: about 0.0 MB, ")
    assert result.stdout.startswith("cache: 3 scenes, 0.0 MB; splits: train\n")
    again = ponder("data", "prepare", str(scans), "-o", "cache", "--virtual-views", "0")
    assert "0 scenes to prepare (3 are there already)" in again.stderr
    assert "3 scenes, 3 of them kept from before" in again.stdout
    assert ponder("data", "check", "cache").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("inspect", "nowhere"), "nowhere: no such folder"),
        (("check", "nowhere"), "nowhere: no such folder"),
        (("prepare", "nowhere", "-o", "cache"), "nowhere: no such folder"),
        (("prepare", "scans", "-o", "scans/cache"), "choose a folder outside"),
        (
            ("prepare", "scans", "-o", "cache", "--frame-stride", "2"),
            "of which no stride of frames can be taken",
        ),
        (("prepare", "scans"), "missing option '--output'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    ponder: Ponder, scans: Path, words: tuple[str, ...], message: str
) -> None:
    result = ponder("data", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("cache").exists()
