"""The one place where the packages of the extras ``laser``, ``colmap`` and ``cpu`` are asked for."""

import importlib
import importlib.util
from functools import cache
from types import ModuleType


def load_laspy() -> ModuleType:
    """``laspy``, which reads LAS and, with ``lazrs``, LAZ.

    Raises:
        ImportError: naming the extra, where one of them is not installed.
    """
    return _load("laspy", "lazrs", extra="laser", purpose="LAS and LAZ files are read with laspy and lazrs")


def load_pypcd4() -> ModuleType:
    """``pypcd4``, which reads PCD in all its encodings.

    Raises:
        ImportError: naming the extra, where it is not installed.
    """
    return _load("pypcd4", extra="laser", purpose="PCD files are read with pypcd4")


def load_pycolmap() -> ModuleType:
    """``pycolmap``, which reads the models of COLMAP and knows its cameras.

    Raises:
        ImportError: naming the extra, where it is not installed.
    """
    return _load("pycolmap", extra="colmap", purpose="models of COLMAP are read with pycolmap")


@cache
def has_numba() -> bool:
    """Whether ``numba``, which compiles loops over many points, is installed (extra ``cpu``); does not import it."""
    return importlib.util.find_spec("numba") is not None


def _load(*names: str, extra: str, purpose: str) -> ModuleType:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"{purpose}; not installed: {', '.join(missing)}: pip install 'ponder-data[{extra}]'"
        )
    return importlib.import_module(names[0])
