"""Which backend is chosen, and what is said where one cannot be."""

import importlib.metadata
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from ponder_encoders import SparseUNet, SparseUNetConfig, available_backends
from ponder_encoders.sparse import backend as backend_module
from ponder_encoders.sparse.backend import BackendStatus, choose_backend
from ponder_encoders.sparse.rulebook import neighbour_table

CPU = torch.device("cpu")


def only(monkeypatch: pytest.MonkeyPatch, *available: str) -> None:
    """Let just these backends seem installed."""
    statuses = tuple(
        replace(
            status, available=status.name in available, reason=f"pip install ponder-encoders[{status.name}]"
        )
        for status in available_backends()
    )
    monkeypatch.setattr(backend_module, "available_backends", lambda: statuses)


def test_torch_is_always_there() -> None:
    statuses = {status.name: status for status in available_backends()}
    assert list(statuses) == ["torch", "numba", "spconv"]
    assert statuses["torch"].available
    assert statuses["torch"].version == torch.__version__
    assert all(status.reason for status in statuses.values())


def test_auto_takes_torch_where_nothing_else_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "torch")
    assert choose_backend("auto", CPU).name == "torch"
    assert choose_backend("auto", torch.device("cuda")).name == "torch"


def test_auto_takes_numba_on_cpu_and_leaves_it_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    numba = {status.name: status for status in available_backends()}["numba"]
    if not numba.available:
        pytest.skip(numba.reason)
    only(monkeypatch, "torch", "numba")
    assert choose_backend("auto", CPU).name == "numba"
    assert choose_backend("auto", torch.device("cuda")).name == "torch"
    assert choose_backend("auto", torch.device("mps")).name == "torch"


def test_an_uninstalled_backend_is_refused_with_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "torch")
    with pytest.raises(ValueError, match=r"'numba' cannot be used: pip install ponder-encoders\[numba\]"):
        SparseUNet(SparseUNetConfig.tiny(backend="numba"))


def test_missing_packages_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(importlib.metadata, "distributions", list)
    available_backends.cache_clear()
    statuses: dict[str, BackendStatus] = {status.name: status for status in available_backends()}
    monkeypatch.undo()
    available_backends.cache_clear()
    assert not statuses["numba"].available
    assert "ponder-encoders[cpu]" in statuses["numba"].reason
    assert not statuses["spconv"].available
    assert "ponder-encoders[cu120]" in statuses["spconv"].reason


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(
        ValueError, match="unknown sparse backend 'minkowski': use one of auto, torch, numba, spconv"
    ):
        choose_backend("minkowski", CPU)
    with pytest.raises(ValueError, match="backend"):
        SparseUNetConfig.model_validate({"backend": "minkowski"})


def test_a_backend_on_the_wrong_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "torch", "numba", "spconv")
    with pytest.raises(ValueError, match="'numba' runs on cpu, but the features are on cuda"):
        choose_backend("numba", torch.device("cuda"))


def test_numba_leaves_the_number_of_threads_alone() -> None:
    numba = {status.name: status for status in available_backends()}["numba"]
    if not numba.available:
        pytest.skip(numba.reason)
    table = neighbour_table(torch.arange(100), 3)
    assert torch.get_num_threads() == 1
    choose_backend("numba", CPU).submanifold(torch.randn(100, 16), torch.randn(27, 16, 16), table)
    assert torch.get_num_threads() == 1


def test_numba_may_be_called_from_several_threads() -> None:
    numba = {status.name: status for status in available_backends()}["numba"]
    if not numba.available:
        pytest.skip(numba.reason)
    table = neighbour_table(torch.arange(3000), 3)
    features, weight = torch.randn(3000, 16), torch.randn(27, 16, 16)
    backend = choose_backend("numba", CPU)
    expected = backend.submanifold(features, weight, table)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: backend.submanifold(features, weight, table), range(12)))
    assert all(torch.allclose(outcome, expected, atol=1e-5) for outcome in outcomes)
