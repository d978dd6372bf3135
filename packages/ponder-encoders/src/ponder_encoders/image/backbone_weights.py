"""Weights of image networks from files on this machine, under the names of whoever trained them."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from torch import Tensor, nn

from ponder_encoders.image.optional import load_timm

# Before the name of a weight may stand the names of the modules that held the network.
_PREFIX = re.compile(r"^(?:(?:module|model|backbone|network)\.)+")
# ConvNeXt as its authors and as MMPretrain name it -> as timm does.
_CONVNEXT_NAMES = (
    (r"^downsample_layers\.0\.", "stem."),
    (r"^downsample_layers\.(\d+)\.", r"stages.\1.downsample."),
    (r"^stages\.(\d+)\.(\d+)\.", r"stages.\1.blocks.\2."),
    (r"\.(?:dwconv|depthwise_conv)\.", ".conv_dw."),
    (r"\.(?:pwconv|pointwise_conv)(\d)\.", r".mlp.fc\1."),
)
_NOT_LEARNED = "num_batches_tracked"
_LISTED = 8


def read_weights(path: Path) -> dict[str, Tensor]:
    """Named weights of a ``.safetensors`` or PyTorch file, never unpickled blindly; averaged ones where it has both.

    Raises:
        ValueError: there is no such file, or it holds something else.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path} with weights of an image network: give the path of one")
    try:
        weights = load_timm().models.load_state_dict(str(path))
    except (RuntimeError, pickle.UnpicklingError, SafetensorError, EOFError) as error:
        raise ValueError(f"{path} is no file of weights: {error}") from error
    tensors = {name: value for name, value in weights.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError(f"{path} holds no tensors, only {sorted(map(str, weights))[:_LISTED]}")
    return tensors


def load_weights(network: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Load every weight of a network from named tensors; what these hold beside it (a classifier) is left out.

    Names may be those of timm, of torchvision where timm kept them, or of ConvNeXt's authors and MMPretrain, with
    ``module.``, ``model.``, ``backbone.`` or ``network.`` before them. timm writes dots of some names as underscores
    where a network gives features, so both are taken as one.

    Raises:
        ValueError: names that are missing or of another shape, listed; nothing has been loaded then.
    """
    found = {_plain(_renamed(name)): (name, value) for name, value in weights.items()}
    missing, misfits, loaded = [], [], {}
    for name, current in network.state_dict().items():
        entry = found.get(_plain(name))
        if entry is None:
            if not name.endswith(_NOT_LEARNED):
                missing.append(name)
            continue
        value = entry[1]
        # Linear layers and 1x1 convolutions hold the same numbers.
        if value.shape != current.shape and _squeezed(value) == _squeezed(current):
            value = value.reshape(current.shape)
        if value.shape != current.shape:
            misfits.append(f"{entry[0]} {tuple(value.shape)} instead of {tuple(current.shape)}")
        loaded[name] = value
    if missing or misfits:
        raise ValueError(
            f"{source} does not fit this network. {_listed('missing', missing)} {_listed('misshapen', misfits)} "
            f"It holds {_listed('names', sorted(weights))} Is it of another network than `name` says?"
        )
    network.load_state_dict(loaded, strict=False)


def _renamed(name: str) -> str:
    name = _PREFIX.sub("", name)
    for pattern, replacement in _CONVNEXT_NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def _plain(name: str) -> str:
    return _PREFIX.sub("", name).replace(".", "_")


def _squeezed(tensor: Tensor) -> tuple[int, ...]:
    return tuple(side for side in tensor.shape if side != 1)


def _listed(what: str, names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{len(names)} {what}: {', '.join(names[:_LISTED]) or 'none'}{more}."
