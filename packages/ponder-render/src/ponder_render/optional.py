"""The one place where the packages of the extra ``mesh`` are asked for."""

import importlib
import importlib.util
from types import ModuleType


def load_skimage_measure() -> ModuleType:
    """``skimage.measure``, which holds the marching cubes.

    Raises:
        ImportError: naming the extra, where scikit-image is not installed.
    """
    return _load("skimage", "skimage.measure", "extracting a mesh needs scikit-image")


def load_trimesh() -> ModuleType:
    """``trimesh``, which writes mesh files.

    Raises:
        ImportError: naming the extra, where trimesh is not installed.
    """
    return _load("trimesh", "trimesh", "writing a mesh needs trimesh")


def _load(package: str, module: str, need: str) -> ModuleType:
    if importlib.util.find_spec(package) is None:
        raise ImportError(f"{need}, which is not installed: pip install 'ponder-render[mesh]'")
    return importlib.import_module(module)
