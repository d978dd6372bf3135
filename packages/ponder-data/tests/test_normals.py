import pytest
import torch
from ponder_data import estimate_normals


def sphere(points: int = 3000) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(points, 3, generator=generator)
    return directions / directions.norm(dim=1, keepdim=True)


@pytest.mark.parametrize(("towards", "sign"), [("outward", 1.0), ("inward", -1.0), (torch.zeros(3), -1.0)])
def test_normals_of_a_sphere(towards: torch.Tensor, sign: float) -> None:
    directions = sphere()
    shifted = towards + 5.0 if isinstance(towards, torch.Tensor) else towards
    normal = estimate_normals(3.0 * directions + 5.0, towards=shifted)
    cosine = (normal * directions).sum(dim=1) * sign
    assert cosine.min() > 0.97
    torch.testing.assert_close(normal.norm(dim=1), torch.ones(3000))


def test_normals_of_a_plane_are_exact_and_point_up() -> None:
    generator = torch.Generator().manual_seed(1)
    xy = torch.rand(300, 2, generator=generator)
    coord = torch.cat((xy, 0.3 * xy[:, :1] - 0.2 * xy[:, 1:]), dim=1)
    expected = torch.nn.functional.normalize(torch.tensor([-0.3, 0.2, 1.0]), dim=0).expand(300, 3)
    torch.testing.assert_close(estimate_normals(coord), expected, atol=1e-4, rtol=0)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    coord = sphere(500)
    whole = estimate_normals(coord, towards="outward")
    monkeypatch.setattr("ponder_data.normals._CHUNK", 70)
    torch.testing.assert_close(estimate_normals(coord, towards="outward"), whole)


def test_small_clouds_use_all_their_points() -> None:
    coord = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    torch.testing.assert_close(estimate_normals(coord), torch.tensor([0.0, 0.0, 1.0]).expand(3, 3))


def test_what_has_no_normals_is_refused() -> None:
    with pytest.raises(ValueError, match="2 points and 16 neighbours"):
        estimate_normals(torch.rand(2, 3))
    with pytest.raises(ValueError, match="9 points and 2 neighbours"):
        estimate_normals(torch.rand(9, 3), neighbours=2)
    with pytest.raises(ValueError, match="NaN or infinite"):
        estimate_normals(torch.full((9, 3), float("nan")))
