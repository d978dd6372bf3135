"""Weights of the published PonderV2 models: their names, layout, and which of our layers they belong to.

The published sparse kernels are stored ``[out, kx, ky, kz, in]``; ours are ``(kernel volume, in, out)``. The
published 1x1 convolutions multiply by the stored numbers *read* as ``(in, out)``, which is not a
transposition.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

_NORM = r"(weight|bias|running_mean|running_var|num_batches_tracked)"
# Published name -> our name. Stages are counted from the finest in the published decoder, from the coarsest
# in ours.
_ENCODER_NAMES = {
    r"conv_input\.0\.weight": "stem.convolution.weight",
    rf"conv_input\.1\.{_NORM}": "stem.norm.{0}",
    r"down\.(\d+)\.0\.weight": "encoder.{0}.down.weight",
    rf"down\.(\d+)\.1\.{_NORM}": "encoder.{0}.norm.{1}",
    r"enc\.(\d+)\.block(\d+)\.conv([12])\.weight": "encoder.{0}.blocks.{1}.convolution{2}.weight",
    rf"enc\.(\d+)\.block(\d+)\.bn([12])\.{_NORM}": "encoder.{0}.blocks.{1}.norm{2}.{3}",
}
_DECODER_NAMES = {
    r"up\.(\d+)\.0\.weight": "decoder.{0}.up.weight",
    rf"up\.(\d+)\.1\.{_NORM}": "decoder.{0}.norm.{1}",
    r"dec\.(\d+)\.block(\d+)\.conv([12])\.weight": "decoder.{0}.blocks.{1}.convolution{2}.weight",
    rf"dec\.(\d+)\.block(\d+)\.bn([12])\.{_NORM}": "decoder.{0}.blocks.{1}.norm{2}.{3}",
    r"dec\.(\d+)\.block(\d+)\.proj\.0\.weight": "decoder.{0}.blocks.{1}.shortcut.weight",
    rf"dec\.(\d+)\.block(\d+)\.proj\.1\.{_NORM}": "decoder.{0}.blocks.{1}.shortcut_norm.{2}",
}
_HEAD = r"final\.(weight|bias)"
_BESIDE = r"(proj_net|renderer|proj_head|embedding_table)\..+|logit_scale|class_embedding|mtoken"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedNames:
    """Every name of a published file, accounted for.

    Attributes:
        encoder: name inside the encoder -> full name in the file.
        not_needed: full names of what lies beside the encoder: renderer, projection, heads.
        unknown: full names of anything else.
    """

    encoder: Mapping[str, str]
    not_needed: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSizes:
    """Sizes of a published encoder; fields as in ``SparseUNetConfig``."""

    in_channels: int
    base_channels: int
    channels: tuple[int, ...]
    layers: tuple[int, ...]


def account_for_names(names: Iterable[str]) -> PublishedNames:
    """Sort the names of a published file into the encoder's, those not needed, and unknown ones.

    Names may begin with ``module.`` (several GPUs) and ``backbone.`` (an encoder among other parts).
    """
    plain = {re.sub(r"^(module\.)+", "", name): name for name in names}
    among_others = any(name.startswith("backbone.") for name in plain)
    encoder: dict[str, str] = {}
    not_needed: list[str] = []
    unknown: list[str] = []
    for name, full in plain.items():
        inside = name.startswith("backbone.") or not among_others
        bare = name.removeprefix("backbone.")
        if inside and any(re.fullmatch(pattern, bare) for pattern in (*_ENCODER_NAMES, *_DECODER_NAMES)):
            encoder[bare] = full
        elif re.fullmatch(_HEAD, bare) if inside else re.fullmatch(_BESIDE, name):
            not_needed.append(full)
        else:
            unknown.append(full)
    return PublishedNames(encoder=encoder, not_needed=tuple(not_needed), unknown=tuple(unknown))


def our_name(published: str, stages: int) -> str:
    """Our name of an encoder's parameter.

    Raises:
        ValueError: it is none of the published encoder's names.
    """
    for pattern, ours in _ENCODER_NAMES.items():
        if match := re.fullmatch(pattern, published):
            return ours.format(*match.groups())
    for pattern, ours in _DECODER_NAMES.items():
        if match := re.fullmatch(pattern, published):
            stage, *others = match.groups()
            return ours.format(stages - 1 - int(stage), *others)
    raise ValueError(f"{published!r} is not a name of the published SparseUNet")


def from_published_layout(published: str, value: Tensor) -> Tensor:
    """Lay out a published tensor as our layers hold it."""
    if value.ndim != 5:
        return value
    outputs, *kernel, inputs = value.shape
    if published.endswith("proj.0.weight"):
        return value.reshape(1, inputs, outputs)
    return value.permute(1, 2, 3, 4, 0).reshape(kernel[0] * kernel[1] * kernel[2], inputs, outputs)


def published_sizes(state_dict: Mapping[str, Tensor]) -> PublishedSizes:
    """Read the sizes of a published SparseUNet (v1m1) off the shapes of its weights.

    Raises:
        ValueError: the file holds unknown names, or lacks those that say the sizes.
    """
    names = account_for_names(state_dict)
    if names.unknown:
        raise ValueError(
            f"{len(names.unknown)} names are not of a published SparseUNet (v1m1): {_list(names.unknown)}"
        )
    stages = 1 + max(
        (int(name.split(".")[1]) for name in names.encoder if name.startswith("down.")), default=-1
    )
    telling = [
        "conv_input.0.weight",
        *(f"{side}.{s}.0.weight" for side in ("down", "up") for s in range(stages)),
    ]
    telling += [f"{side}.{s}.block0.conv1.weight" for side in ("enc", "dec") for s in range(stages)]
    missing = [name for name in telling if name not in names.encoder]
    if missing or stages == 0:
        raise ValueError(
            f"not a whole published SparseUNet (v1m1): {_list(missing or ['down.0.0.weight'])} missing"
        )
    shapes = {name: tuple(state_dict[names.encoder[name]].shape) for name in telling}
    wrong = [f"{name} {shape}" for name, shape in shapes.items() if len(shape) != 5]
    if wrong:
        raise ValueError(
            f"weights of sparse kernels must have five axes [out, kx, ky, kz, in]: {_list(wrong)}"
        )

    down, up = range(stages), range(stages - 1, -1, -1)
    return PublishedSizes(
        in_channels=shapes["conv_input.0.weight"][4],
        base_channels=shapes["conv_input.0.weight"][0],
        channels=(
            *(shapes[f"down.{s}.0.weight"][0] for s in down),
            *(shapes[f"up.{s}.0.weight"][0] for s in up),
        ),
        layers=(*(_blocks(names, "enc", s) for s in down), *(_blocks(names, "dec", s) for s in up)),
    )


def _blocks(names: PublishedNames, side: str, stage: int) -> int:
    found = (re.match(rf"{side}\.{stage}\.block(\d+)\.", name) for name in names.encoder)
    return 1 + max((int(match.group(1)) for match in found if match), default=-1)


def published_weights(state_dict: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename and lay out a published encoder's tensors for a network whose ``state_dict()`` is ``expected``.

    Raises:
        ValueError: names that are unknown, missing or not expected, or tensors of the wrong shape, all
            listed.
    """
    names = account_for_names(state_dict)
    stages = len({name.split(".")[1] for name in expected if name.startswith("encoder.")})
    ours = {
        our_name(name, stages): from_published_layout(name, state_dict[full])
        for name, full in names.encoder.items()
    }
    problems = [
        *(f"{name} (unknown)" for name in names.unknown),
        *(f"{name} (missing)" for name in expected if name not in ours),
        *(f"{name} (not in this network)" for name in ours if name not in expected),
        *(
            f"{name} (shape {tuple(value.shape)}, not {tuple(expected[name].shape)})"
            for name, value in ours.items()
            if name in expected and value.shape != expected[name].shape
        ),
    ]
    if problems:
        raise ValueError(f"{len(problems)} names of the published weights do not fit: {_list(problems)}")
    return ours


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
