"""Muon against singular value decompositions, its own definition written as a loop, and PyTorch's AdamW."""

import pytest
import torch
from ponder_tasks.muon import Muon, as_matrix, is_matrix, orthogonalise
from torch import nn


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(8, 8), (54, 6), (6, 54), (48, 17)])
def test_orthogonal_steps_keep_the_directions_and_level_the_sizes(shape):
    matrix = random(*shape)
    step = orthogonalise(matrix)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    sizes = torch.linalg.svdvals(step)
    assert sizes.min() > 0.6
    assert sizes.max() < 1.3
    inner = left.t() @ step @ right.t()
    torch.testing.assert_close(inner, torch.diag(torch.diag(inner)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", [(96, 12), (12, 96), (20, 20)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 5e-3)])
def test_steps_on_the_small_square_are_those_on_the_matrix(shape, dtype, tolerance):
    """Also where singular values differ by six orders of magnitude, as gradients' do."""
    left, _, right = torch.linalg.svd(random(*shape).double(), full_matrices=False)
    matrix = (left * torch.logspace(0, -6, min(shape), dtype=torch.float64)) @ right
    expected = matrix if shape[0] <= shape[1] else matrix.t()
    expected = expected / (expected.norm() + 1e-7)
    for _ in range(5):
        gram = expected @ expected.t()
        expected = 3.4445 * expected - 4.7750 * gram @ expected + 2.0315 * gram @ gram @ expected
    expected = expected if shape[0] <= shape[1] else expected.t()
    found = orthogonalise(matrix.to(dtype)).double()
    assert (found - expected).norm() < tolerance * expected.norm()


def test_a_gradient_of_zeros_moves_nothing():
    assert torch.equal(orthogonalise(torch.zeros(4, 3)), torch.zeros(4, 3))


def test_kernels_are_the_matrices_they_multiply_by():
    sparse, dense = random(27, 4, 8), random(8, 4, 3, 3, 3)
    assert as_matrix(sparse).shape == (27 * 4, 8)
    assert as_matrix(dense).shape == (8, 4 * 27)
    assert is_matrix(nn.Parameter(sparse))
    assert not is_matrix(nn.Parameter(torch.zeros(8)))
    assert not is_matrix(nn.Parameter(torch.zeros(1, 8)))


def test_matrices_move_as_defined():
    weight = nn.Parameter(random(12, 5))
    expected, velocity = weight.detach().clone(), torch.zeros(12, 5)
    optimizer = Muon([weight], learning_rate=0.02, vector_learning_rate=1.0, momentum=0.9, weight_decay=0.5)
    for number in range(3):
        grad = random(12, 5, seed=10 + number)
        weight.grad = grad.clone()
        optimizer.step()
        velocity = 0.9 * velocity + 0.1 * grad
        expected = expected * (1 - 0.02 * 0.5)
        expected = expected - 0.02 * (12 / 5) ** 0.5 * orthogonalise(0.1 * grad + 0.9 * velocity)
        torch.testing.assert_close(weight.detach(), expected)


def test_everything_else_moves_as_adamw_moves_it():
    ours, theirs = nn.Parameter(random(7)), nn.Parameter(random(7))
    optimizer = Muon([ours], learning_rate=1.0, vector_learning_rate=0.01, betas=(0.8, 0.9))
    reference = torch.optim.AdamW([theirs], lr=0.01, betas=(0.8, 0.9), weight_decay=0.0)
    for number in range(5):
        ours.grad = theirs.grad = random(7, seed=number)
        optimizer.step()
        reference.step()
        torch.testing.assert_close(ours, theirs)


def test_a_saved_state_goes_on_with_the_same_steps():
    def run(steps: range, weights: list[nn.Parameter], optimizer: Muon) -> None:
        for number in steps:
            for weight in weights:
                weight.grad = random(*weight.shape, seed=number)
            optimizer.step()

    def fresh() -> tuple[list[nn.Parameter], Muon]:
        weights = [nn.Parameter(random(6, 4)), nn.Parameter(random(4))]
        return weights, Muon(weights, learning_rate=0.02, vector_learning_rate=0.01)

    whole, optimizer = fresh()
    run(range(6), whole, optimizer)
    first, stopped = fresh()
    run(range(3), first, stopped)
    second, resumed = fresh()
    for weight, saved in zip(second, first, strict=True):
        weight.data.copy_(saved.data)
    resumed.load_state_dict(stopped.state_dict())
    run(range(3, 6), second, resumed)
    for one, other in zip(whole, second, strict=True):
        assert torch.equal(one, other)
