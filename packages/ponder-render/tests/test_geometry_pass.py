import pytest
import torch
import torch.nn.functional as F
from ponder_render.evaluation.geometry_pass import slope_of, softplus_with_slope


@pytest.mark.parametrize(("dtype", "near"), [(torch.float64, 1e-15), (torch.float32, 2e-7)])
def test_softplus_and_slope_are_exact_everywhere(dtype: torch.dtype, near: float) -> None:
    sharp = torch.tensor([[-1e30, -1e4, -5.0, -0.5, -0.3, -0.02, 0.0, 0.003, 0.2, 0.4, 80.0, 1e4, 1e30]])
    z = torch.cat([sharp, torch.linspace(-1, 1, 13)[None]]).to(dtype)
    value, slope = softplus_with_slope(z.clone(), 100.0)
    exact = z.double()
    expected = F.softplus(exact, beta=100, threshold=40)
    torch.testing.assert_close(value.double(), expected, atol=near / 100, rtol=near)
    torch.testing.assert_close(slope.double(), torch.sigmoid(100 * exact), atol=near, rtol=0)
    torch.testing.assert_close(slope_of(value, 100.0), slope, atol=near, rtol=0)
