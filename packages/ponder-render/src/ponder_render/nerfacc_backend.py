"""nerfacc and its CUDA extension: the package's one check for each."""

import functools
import importlib
import importlib.util
import warnings
from types import ModuleType

import torch


@functools.cache
def load_nerfacc() -> ModuleType | None:
    """nerfacc, or None where it is not installed. Its dense functions run on any device."""
    if importlib.util.find_spec("nerfacc") is None:
        return None
    with warnings.catch_warnings():
        # Its docstrings hold invalid escapes, which Python reports when it first compiles them.
        warnings.simplefilter("ignore")
        return importlib.import_module("nerfacc")


@functools.cache
def load_nerfacc_cuda() -> ModuleType | None:
    """nerfacc, if its CUDA extension can be loaded too, else None.

    Where the extension is not installed but a CUDA compiler is, nerfacc compiles it once, which takes minutes. When
    that fails, a warning says why.
    """
    nerfacc = load_nerfacc()
    if nerfacc is None or not torch.cuda.is_available():
        return None
    try:
        backend = importlib.import_module("nerfacc.cuda._backend")
    except (ImportError, OSError, RuntimeError) as error:
        warnings.warn(
            f"nerfacc's CUDA extension cannot be loaded, so PyTorch takes its place: {error}", stacklevel=2
        )
        return None
    return None if backend._C is None else nerfacc
