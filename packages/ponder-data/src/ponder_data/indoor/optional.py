"""The one place where the packages of the extra ``scenes`` are asked for."""

import importlib
import importlib.util
from types import ModuleType


def load_av() -> ModuleType:
    """``av`` (PyAV), which decodes videos.

    Raises:
        ImportError: naming the extra, where it is not installed.
    """
    return _load("av", "av")


def load_lz4() -> ModuleType:
    """``lz4.block``, which decompresses blocks.

    Raises:
        ImportError: naming the extra, where it is not installed.
    """
    return _load("lz4.block", "lz4")


def _load(module: str, package: str) -> ModuleType:
    if importlib.util.find_spec(package) is None:
        raise ImportError(
            f"reading the streams of a phone needs {package}, which is not installed: "
            "pip install 'ponder-data[scenes]'"
        )
    return importlib.import_module(module)
