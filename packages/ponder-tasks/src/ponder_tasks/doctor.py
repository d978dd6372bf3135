"""What this machine offers to Ponder, what will be used, and what is missing."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from ponder_encoders import available_backends
from ponder_encoders.sparse.backend import choose_backend

from ponder_tasks.run_folder import installed_versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the examination."""

    name: str
    state: Literal["ok", "warning", "missing"]
    detail: str
    advice: str = ""


def examine(folder: Path = Path()) -> tuple[Finding, ...]:
    """Look at Python, torch, the devices, the sparse convolution backends, and the free space at ``folder``."""
    findings = [
        _python(),
        *_packages(),
        _device(),
        *_backends(),
        _compositing(),
        _memory_allocator(),
        _disk(folder),
    ]
    return tuple(findings)


def _python() -> Finding:
    supported = (3, 10) <= sys.version_info[:2] <= (3, 13)
    return Finding(
        name="python",
        state="ok" if supported else "warning",
        detail=sys.version.split()[0],
        advice="" if supported else "ponder is tested on Python 3.10 to 3.13",
    )


def _packages() -> list[Finding]:
    return [
        Finding(name=name, state="ok", detail=version)
        for name, version in installed_versions()
        if name != "python"
    ]


def _device() -> Finding:
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        return Finding(name="device", state="ok", detail=f"cuda: {names}")
    threads = torch.get_num_threads()
    return Finding(
        name="device",
        state="ok",
        detail=f"cpu, {threads} threads of {os.cpu_count()} cores",
        advice="no CUDA device: the small recipes (rooms, rgbd) are made for this",
    )


def _backends() -> list[Finding]:
    chosen = choose_backend("auto", torch.device("cuda" if torch.cuda.is_available() else "cpu")).name
    findings = []
    for backend in available_backends():
        version = f"{backend.version}; " if backend.version else ""
        used = " (used here by 'auto')" if backend.name == chosen else ""
        findings.append(
            Finding(
                name=f"sparse convolution: {backend.name}",
                state="ok" if backend.available else "missing",
                detail=f"{version}{backend.reason}{used}" if backend.available else "optional",
                advice="" if backend.available else backend.reason,
            )
        )
    return findings


def _compositing() -> Finding:
    extension = torch.cuda.is_available()
    detail = (
        "nerfacc's dense functions" if not extension else "nerfacc, with its CUDA kernels where they compile"
    )
    return Finding(name="compositing", state="ok", detail=detail)


def _memory_allocator() -> Finding:
    tuned = os.environ.get("THP_MEM_ALLOC_ENABLE") == "1"
    return Finding(
        name="huge pages",
        state="ok" if tuned else "warning",
        detail="THP_MEM_ALLOC_ENABLE=1" if tuned else "THP_MEM_ALLOC_ENABLE is not set",
        advice=""
        if tuned
        else "set THP_MEM_ALLOC_ENABLE=1 before torch is imported: large tensors cost less",
    )


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / 2**30
    return Finding(
        name="disk",
        state="ok" if free > 2 else "warning",
        detail=f"{free:.0f} GiB free in {folder.resolve()}",
        advice="" if free > 2 else "a run with its checkpoints wants about 1 GiB",
    )
