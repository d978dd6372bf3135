"""The one place where the packages of the extra ``laser`` are asked for."""

import importlib
import importlib.util
from types import ModuleType


def load_laspy() -> ModuleType:
    """``laspy``, which reads LAS and, with ``lazrs``, LAZ.

    Raises:
        ImportError: naming the extra, where one of them is not installed.
    """
    return _load("laspy", "lazrs", purpose="LAS and LAZ files are read with laspy and lazrs")


def load_pypcd4() -> ModuleType:
    """``pypcd4``, which reads PCD in all its encodings.

    Raises:
        ImportError: naming the extra, where it is not installed.
    """
    return _load("pypcd4", purpose="PCD files are read with pypcd4")


def _load(*names: str, purpose: str) -> ModuleType:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"{purpose}; not installed: {', '.join(missing)}: pip install 'ponder-data[laser]'")
    return importlib.import_module(names[0])
