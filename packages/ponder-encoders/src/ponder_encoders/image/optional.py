"""The one place where the package of the extra ``images`` is asked for."""

import importlib
import importlib.util
from types import ModuleType


def load_timm() -> ModuleType:
    """``timm``, which holds the networks that read images.

    Raises:
        ImportError: naming the extra, where it is not installed.
    """
    if importlib.util.find_spec("timm") is None:
        raise ImportError(
            "networks that read images come from timm, which is not installed: "
            "pip install 'ponder-encoders[images]'"
        )
    return importlib.import_module("timm")
