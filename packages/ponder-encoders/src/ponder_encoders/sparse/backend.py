"""Which backend computes sparse convolutions: the one place where optional packages are asked for."""

import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ponder_encoders.sparse.backend_torch import TorchBackend
from ponder_encoders.sparse.rulebook import ChildTable, NeighbourTable
from ponder_encoders.sparse.strided_rulebook import StridedRulebook

BackendName = Literal["auto", "torch", "numba", "spconv"]


@runtime_checkable
class SparseBackend(Protocol):
    """What computes the kinds of sparse convolution. Same weights, same numbers, whichever it is.

    Weights are ``(kernel volume, inputs, outputs)``, offsets numbered with x slowest and z fastest.
    Gradients reach features and weights; second derivatives are not offered.
    """

    name: str

    def neighbour_table(self, keys: Int64[Tensor, " cells"], kernel_size: int) -> NeighbourTable:
        """The neighbours of sorted cells; see :func:`ponder_encoders.sparse.rulebook.neighbour_table`."""
        ...

    def submanifold(
        self,
        features: Float[Tensor, "cells inputs"],
        weight: Float[Tensor, "volume inputs outputs"],
        neighbours: NeighbourTable,
    ) -> Float[Tensor, "cells outputs"]:
        """``out[i] = sum_k features[neighbour(i, k)] @ weight[k]``."""
        ...

    def down(
        self,
        features: Float[Tensor, "fine inputs"],
        weight: Float[Tensor, "8 inputs outputs"],
        table: ChildTable,
    ) -> Float[Tensor, "coarse outputs"]:
        """``out[j] = sum_k features[child(j, k)] @ weight[k]``."""
        ...

    def up(
        self,
        features: Float[Tensor, "coarse inputs"],
        weight: Float[Tensor, "8 inputs outputs"],
        table: ChildTable,
    ) -> Float[Tensor, "fine outputs"]:
        """``out[i] = features[parent(i)] @ weight[slot(i)]``."""
        ...

    def strided(
        self,
        features: Float[Tensor, "cells inputs"],
        weight: Float[Tensor, "volume inputs outputs"],
        rulebook: StridedRulebook,
    ) -> Float[Tensor, "results outputs"]:
        """``out[o] = sum over pairs (i, o) of offset k of features[i] @ weight[k]``: any stride, and its inverse."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendStatus:
    """Whether a backend can be used in this environment.

    Attributes:
        name: as in ``SparseUNetConfig.backend``.
        available: whether its packages are installed and known to work.
        version: version of the package behind it, where installed.
        devices: where it runs.
        reason: one line: what it is good for, or what is missing and how to install it.
    """

    name: str
    available: bool
    version: str | None
    devices: tuple[str, ...]
    reason: str


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _torch_status() -> BackendStatus:
    return BackendStatus(
        name="torch", available=True, version=torch.__version__, devices=("any",), reason="runs everywhere"
    )


def _numba_status() -> BackendStatus:
    # Numba's matrix products come from SciPy's BLAS, which threadpoolctl keeps to one thread inside a
    # parallel loop.
    needed = ("numba", "scipy", "threadpoolctl")
    missing = [package for package in needed if importlib.util.find_spec(package) is None]
    reason = "fused kernels, about twice as fast as torch on CPU; float32 (float64 is left to torch)"
    if missing:
        reason = f"{' and '.join(missing)} missing: pip install ponder-encoders[cpu]"
    return BackendStatus(
        name="numba", available=not missing, version=_version("numba"), devices=("cpu",), reason=reason
    )


def _spconv_status() -> BackendStatus:
    builds = sorted(
        name
        for distribution in importlib.metadata.distributions()
        if (name := (distribution.metadata["Name"] or "").lower()).startswith("spconv")
    )
    with_cuda = [name for name in builds if name.startswith("spconv-cu")]
    if with_cuda:
        return BackendStatus(
            name="spconv",
            available=True,
            version=f"{with_cuda[0]} {_version(with_cuda[0])}",
            devices=("cuda", "cpu"),
            reason="fastest on CUDA; runs on CPU for comparison",
        )
    install = "pip install ponder-encoders[cu120] (Python <= 3.11) or ponder-encoders[cu126], on Linux"
    reason = f"not installed: {install}"
    if builds:
        reason = f"the CPU build of spconv mixes up rows when it runs on several threads: {install}"
    return BackendStatus(
        name="spconv", available=False, version=_version("spconv"), devices=("cuda", "cpu"), reason=reason
    )


@cache
def available_backends() -> tuple[BackendStatus, ...]:
    """Every backend, whether it can be used here, and why or why not. Imports none of them."""
    return _torch_status(), _numba_status(), _spconv_status()


def _load_torch() -> SparseBackend:
    return TorchBackend()


def _load_numba() -> SparseBackend:
    from ponder_encoders.sparse.backend_numba import NumbaBackend

    return NumbaBackend()


def _load_spconv() -> SparseBackend:
    from ponder_encoders.sparse.backend_spconv import SpconvBackend

    return SpconvBackend()


_LOADERS: dict[str, Callable[[], SparseBackend]] = {
    "torch": _load_torch,
    "numba": _load_numba,
    "spconv": _load_spconv,
}


@cache
def _loaded(name: str) -> SparseBackend:
    return _LOADERS[name]()


def check_backend(name: str) -> None:
    """Raise ``ValueError`` unless the backend is known and installed; ``"auto"`` always is."""
    if name == "auto":
        return
    statuses = {status.name: status for status in available_backends()}
    if name not in statuses:
        raise ValueError(f"unknown sparse backend {name!r}: use one of auto, {', '.join(statuses)}")
    if not statuses[name].available:
        raise ValueError(f"the sparse backend {name!r} cannot be used: {statuses[name].reason}")


def choose_backend(name: str, device: torch.device) -> SparseBackend:
    """The backend of that name, or the fastest one for the device where the name is ``"auto"``.

    ``"auto"`` takes numba on CPU and spconv on CUDA where they are installed, and torch otherwise.

    Raises:
        ValueError: the backend is unknown, not installed, or does not run on the device.
    """
    check_backend(name)
    statuses = {status.name: status for status in available_backends()}
    if name == "auto":
        preferred = {"cpu": "numba", "cuda": "spconv"}.get(device.type, "torch")
        name = preferred if statuses[preferred].available else "torch"
    devices = statuses[name].devices
    if devices != ("any",) and device.type not in devices:
        raise ValueError(
            f"the sparse backend {name!r} runs on {' and '.join(devices)}, but the features are on {device}: "
            "use backend='auto'"
        )
    return _loaded(name)
