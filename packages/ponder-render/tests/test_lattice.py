from collections.abc import Callable

import pytest
import torch
from ponder_render import Bounds, FeatureVolume, FieldConfig, NeuralField
from ponder_render.evaluation.evaluate import evaluate_sdf
from ponder_render.evaluation.placement import place_positions
from ponder_render.field.neural_field import Coordinate
from ponder_render.mesh.lattice import lattice_over, sdf_planes
from ponder_render.volume.corners import Border

MakeVolume = Callable[..., FeatureVolume]


@pytest.mark.parametrize("border", ["clamp", "zeros"])
@pytest.mark.parametrize("coordinate", ["box", "cell", "none"])
def test_planes_are_what_queries_say(
    make_volume: MakeVolume, border: Border, coordinate: Coordinate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ponder_render.evaluation.evaluate.CPU_CHUNK", 11)
    volume = make_volume()
    field = NeuralField(FieldConfig(hidden=8, coordinate=coordinate, beta=10), channels=4).double()
    # No lattice point lies half-way between cells, where the cell coordinate jumps.
    lattice = lattice_over(volume.bounds, 1, (7, 9, 4))
    found = sdf_planes(field, volume, 1, lattice, 2, 6, border)
    assert found.shape == (4, 10, 5)
    steps = torch.cartesian_prod(*(torch.arange(n, dtype=torch.float64) for n in (4, 10, 5)))
    position = lattice.lower + (steps + torch.tensor([2.0, 0, 0])) * lattice.step
    placement = place_positions(
        volume, position, position, torch.ones(len(position), dtype=torch.long), coordinate, border
    )
    torch.testing.assert_close(found, evaluate_sdf(field, placement).view(4, 10, 5))


def test_a_lattice_reaches_from_face_to_face() -> None:
    bounds = Bounds(lower=torch.tensor([[0.0, 1.0, 2.0]]), upper=torch.tensor([[4.0, 2.0, 5.0]]))
    lattice = lattice_over(bounds, 0, 8)
    assert lattice.shape == (9, 3, 7)
    end = lattice.lower + torch.tensor([8.0, 2.0, 6.0]) * lattice.step
    torch.testing.assert_close(end, bounds.upper[0])
    assert float(lattice.step.amax() / lattice.step.amin()) == pytest.approx(1)


def test_wrong_lattices_are_errors() -> None:
    bounds = Bounds(lower=torch.zeros(1, 3), upper=torch.ones(1, 3))
    with pytest.raises(ValueError, match="there is no volume 1: there are 1"):
        lattice_over(bounds, 1, 8)
    with pytest.raises(ValueError, match=r"resolution of \(4, 0, 4\)"):
        lattice_over(bounds, 0, (4, 0, 4))
