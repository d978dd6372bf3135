"""The example of fitting posed pictures, as a user runs it, on files written here and for a few steps."""

import importlib
import math
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "fit_views.py"
TINY = ["--steps", "6", "--cells", "8", "12", "--rays", "64", "--evaluations", "1", "--resolution", "24"]

pytest.importorskip("skimage", reason="not installed: it comes with the extra mesh")
trimesh = pytest.importorskip("trimesh", reason="not installed: it comes with the extra mesh")
Image = pytest.importorskip("PIL.Image", reason="Pillow, which the example needs, is not installed")
pytest.importorskip("ponder_data", reason="ponder-data, which reads the example's pictures, is not installed")
if not EXAMPLE.is_file():
    pytest.skip("the examples are beside the package only in its repository", allow_module_level=True)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run the example with arguments, as the interpreter would, but in this process."""

    def call(*arguments: str | Path) -> None:
        monkeypatch.syspath_prepend(str(EXAMPLE.parent))
        monkeypatch.setattr(sys, "argv", [str(EXAMPLE), *map(str, arguments)])
        runpy.run_path(str(EXAMPLE), run_name="__main__")

    return call


def write_idr_folder(folder: Path, views: int = 9, size: int = 24) -> None:
    """A ball of radius 0.5 seen from around, coloured by position, in a world that a scale matrix shrinks."""
    (folder / "image").mkdir(parents=True)
    (folder / "mask").mkdir()
    scale, intrinsics = np.diag([50.0, 50.0, 50.0, 1.0]), np.eye(4)
    scale[:3, 3] = [10.0, -20.0, 30.0]
    intrinsics[:3, :3] = [[1.5 * size, 0, size / 2], [0, 1.5 * size, size / 2], [0, 0, 1]]
    cameras = {}
    for view in range(views):
        angle = 2 * math.pi * view / views
        forward = -np.array([math.cos(angle), math.sin(angle), 0.0])
        right = np.array([-forward[1], forward[0], 0.0]) * -1
        pose = np.eye(4)
        pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
        pose[:3, 3] = -2.5 * forward
        cameras[f"scale_mat_{view}"] = scale
        cameras[f"world_mat_{view}"] = intrinsics @ np.linalg.inv(pose) @ np.linalg.inv(scale)
        row, column = np.mgrid[:size, :size] + 0.5
        ray = np.stack(
            [(column - size / 2) / size / 1.5, (row - size / 2) / size / 1.5, np.ones((size, size))], 2
        )
        ray = ray / np.linalg.norm(ray, axis=2, keepdims=True) @ pose[:3, :3].T
        along = ray @ pose[:3, 3]
        inside = along**2 - 2.5**2 + 0.5**2
        point = pose[:3, 3] + (-along - np.sqrt(inside.clip(0)))[..., None] * ray
        color = np.where(inside[..., None] > 0, 0.5 + point / 1.1, 0.3)
        Image.fromarray((255 * color).clip(0, 255).astype(np.uint8)).save(
            folder / "image" / f"{view:06d}.png"
        )
        Image.fromarray(((inside > 0) * 255).astype(np.uint8)).save(folder / "mask" / f"{view:03d}.png")
    np.savez(folder / "cameras_sphere.npz", **cameras)


def check_results(out: Path, width: int) -> None:
    lines = (out / "progress.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "minutes,step,psnr"
    assert [line.split(",")[1] for line in lines[1:]] == ["0", "6"]
    assert all(math.isfinite(float(line.split(",")[2])) for line in lines[1:])
    with Image.open(out / "sheet.png") as sheet:
        assert sheet.width == 4 * width + 3 * 6
        assert np.asarray(sheet).std() > 1
    mesh = trimesh.load_mesh(out / "mesh.ply")
    assert isinstance(mesh, trimesh.Trimesh)
    assert len(mesh.faces) > 100


def test_a_folder_of_posed_pictures_is_fitted(tmp_path: Path, run: Callable[..., None]) -> None:
    write_idr_folder(tmp_path / "views")
    run("dtu", tmp_path / "views", "-o", tmp_path / "out", *TINY)
    check_results(tmp_path / "out", 24)


def test_cameras_are_read_as_they_are_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the shrunken world, rays through the masks meet the ball and the others do not."""
    write_idr_folder(tmp_path / "views")
    monkeypatch.syspath_prepend(str(EXAMPLE.parent))
    views = importlib.import_module("posed_views").read_idr_folder(tmp_path / "views")
    for view in range(9):
        rays, mask = views.rays_of_view(view), views.mask[view].reshape(-1)
        np.testing.assert_allclose(rays.origin.norm(dim=1), 2.5, rtol=1e-5)
        along = -(rays.origin * rays.direction).sum(dim=1, keepdim=True)
        missed_by = (rays.origin + along * rays.direction).norm(dim=1)
        assert missed_by[mask].max() < 0.5 < missed_by[~mask].min()
        assert 50 < int(mask.sum()) < 200


def test_a_mesh_is_fitted_and_compared(
    tmp_path: Path, run: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    trimesh.creation.box((1, 2, 1.5)).export(tmp_path / "box.obj")
    run("mesh", tmp_path / "box.obj", "-o", tmp_path / "out", "--size", "32", *TINY)
    check_results(tmp_path / "out", 32)
    chamfer = float(capsys.readouterr().out.split("Chamfer-L1 ")[1].split()[0])
    assert 0 < chamfer < 0.3


def test_absent_data_are_an_answer_of_one_line(tmp_path: Path, run: Callable[..., None]) -> None:
    with pytest.raises(
        SystemExit, match=r"holds no cameras_sphere.npz or cameras.npz; give a folder in the layout"
    ):
        run("dtu", tmp_path, "-o", tmp_path / "out")
    with pytest.raises(SystemExit, match=r"there is no mesh .*no.obj. Pass a watertight mesh"):
        run("mesh", tmp_path / "no.obj", "-o", tmp_path / "out")
