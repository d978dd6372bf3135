"""Reading a published checkpoint file: tensors by name, and never an unpickled object."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How files begin that PyTorch wrote before it took to zip archives."""

# Trainers keep their best metric beside the weights, as a number of NumPy's, which may be read: it is plain data.
_NUMBERS: list[Any] = [
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
    (np.float64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),
    np.dtype,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
]


def read_published(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a published ``.pth`` file: under ``state_dict``, or the file's own mapping.

    Nothing is executed (``weights_only``), and a file in PyTorch's present format is mapped, not read: tensors take
    memory only when they are used.

    Raises:
        ValueError: the file is not there, is no PyTorch file, is cut short, holds Python objects that would have
            to be unpickled, or holds no tensors by name.
    """
    content = _load(path)
    tensors = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(tensors, Mapping) or not tensors:
        raise ValueError(f"{path} holds no weights by name, but a {type(content).__name__}: {_expected()}")
    others = [str(name) for name, value in tensors.items() if not isinstance(value, Tensor)]
    if others:
        raise ValueError(
            f"{path} holds more than tensors by name ({', '.join(others[:5])}, ...): {_expected()}"
        )
    return {str(name): value for name, value in tensors.items()}


def _expected() -> str:
    return "give a published checkpoint, or a file with its state_dict"


def _load(path: Path) -> Any:
    if not path.is_file():
        raise ValueError(f"{path} is not there; give the .pth file of a published model")
    archive = zipfile.is_zipfile(path)
    if not archive:
        with path.open("rb") as file:
            if file.read(len(LEGACY_START)) != LEGACY_START:
                raise ValueError(f"{path} is no PyTorch file, or was cut short: download it again")
    try:
        with torch.serialization.safe_globals(_NUMBERS):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=archive)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be read as plain tensors: it is cut short, or it holds Python objects, which would run "
            "code when they are unpickled and are refused; where you trust it, save its 'state_dict' alone to "
            f"another file ({_first_sentence(error)})"
        ) from error


def _first_sentence(error: Exception) -> str:
    return " ".join(str(error).split()).split(". ")[0][:160] or type(error).__name__
