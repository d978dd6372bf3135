"""Packing: any value full of tensors as one block of memory, so that it travels between processes as one file.

PyTorch sends each tensor in a shared file of its own. A sample holds some twenty, and a process that keeps a hundred
samples in flight would run out of file descriptors (often 1024). Packed, a sample takes one.
"""

import io
import pickle
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

ALIGNMENT = 64
"""Bytes; every tensor starts at a multiple of it, so that none is read across cache lines more than it must."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A value in two parts.

    Attributes:
        outline: the pickle of the value, without what its tensors hold.
        memory: what the tensors hold, one after the other.
        starts: where each lies in ``memory``, and where the last ends.
        lengths: bytes of each.
    """

    outline: bytes
    memory: UInt8[Tensor, " bytes"]
    starts: tuple[int, ...]
    lengths: tuple[int, ...]


class _Outline(pickle.Pickler):
    """Pickles tensors by way of NumPy, which can leave their contents outside."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return torch.from_numpy, (value.detach().contiguous().numpy(),)
        return NotImplemented


def pack(value: Any) -> Packed:
    """Return ``value`` (picklable; CPU tensors of types that NumPy knows) with all tensors in one block."""
    stream, buffers = io.BytesIO(), []
    _Outline(stream, protocol=5, buffer_callback=buffers.append).dump(value)
    contents = [buffer.raw() for buffer in buffers]
    starts = [0]
    for content in contents:
        starts.append(-(-(starts[-1] + content.nbytes) // ALIGNMENT) * ALIGNMENT)
    memory = torch.zeros(starts[-1], dtype=torch.uint8)
    block = memoryview(memory.numpy())  # type: ignore[arg-type]  (arrays are buffers)
    for start, content in zip(starts, contents, strict=False):
        block[start : start + content.nbytes] = content
    return Packed(
        outline=stream.getvalue(),
        memory=memory,
        starts=tuple(starts),
        lengths=tuple(content.nbytes for content in contents),
    )


def unpack(packed: Packed) -> Any:
    """Return the value; its tensors lie in ``packed.memory``, which is not copied."""
    block = memoryview(packed.memory.numpy())  # type: ignore[arg-type]
    pieces = [
        block[start : start + length]
        for (start, _), length in zip(pairwise(packed.starts), packed.lengths, strict=True)
    ]
    return pickle.loads(packed.outline, buffers=pieces)
