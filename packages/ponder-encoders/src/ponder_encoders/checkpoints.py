"""Weights of the published PonderV2 models: the sizes they tell, their layout, and loading them.

The published sparse kernels are stored ``[out, kx, ky, kz, in]``; ours are ``(kernel volume, in, out)``. The
published 1x1 convolutions multiply by the stored numbers *read* as ``(in, out)``, which is not a
transposition.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ponder_encoders.published_names import CONTEXT_TABLE, PublishedNames, account_for_names, our_name


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedConditions:
    """The datasets of a PPT model, in the two orders that its file uses and does not name; by default the released.

    Attributes:
        norms: of the encoder's norms; the order of the loaded network's ``config.conditions``.
        table: of the rows of the embedding table, whose rows are the contexts.

    Raises:
        ValueError: the two do not hold the same names.
    """

    norms: tuple[str, ...] = ("ScanNet", "S3DIS", "Structured3D")
    table: tuple[str, ...] = ("Structured3D", "ScanNet", "S3DIS")

    def __post_init__(self) -> None:
        """Check that every condition has a norm and a context."""
        if sorted(self.norms) != sorted(self.table):
            raise ValueError(
                f"norms and table must hold the same conditions, not {', '.join(self.norms)} "
                f"and {', '.join(self.table)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSizes:
    """Sizes of a published encoder; fields as in ``SparseUNetConfig``."""

    in_channels: int
    base_channels: int
    channels: tuple[int, ...]
    layers: tuple[int, ...]
    conditions: tuple[str, ...]
    context_channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedEncoder:
    """The encoder of a published file: its sizes, and how to load it."""

    state_dict: Mapping[str, Tensor]
    names: PublishedNames
    sizes: PublishedSizes
    conditions: PublishedConditions

    @torch.no_grad()
    def load_into(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy the weights into a network's own tensors, by their names there.

        One tensor is laid out at a time, so that nothing but the file and the network takes memory.

        Raises:
            ValueError: names that are missing or not expected, or tensors of the wrong shape, all listed; the
                network's tensors are then as they were.
        """
        stages = len(self.sizes.channels) // 2
        ours = {our_name(name, stages): (name, full) for name, full in self.names.encoder.items()}
        if self.sizes.context_channels and CONTEXT_TABLE in self.names.beside:
            ours["context_table"] = (CONTEXT_TABLE, self.names.beside[CONTEXT_TABLE])
        problems = [
            *(f"{name} (missing)" for name in tensors if name not in ours),
            *(f"{name} (not in this network)" for name in ours if name not in tensors),
            *(
                f"{name} (shape {found}, not {tuple(tensors[name].shape)})"
                for name, (published, full) in ours.items()
                if name in tensors
                and (found := _our_shape(published, self.state_dict[full])) != tuple(tensors[name].shape)
            ),
        ]
        if problems:
            raise ValueError(f"{len(problems)} names of the published weights do not fit: {_list(problems)}")
        for name, (published, full) in ours.items():
            value = self.state_dict[full]
            if published == CONTEXT_TABLE:
                value = value[[self.conditions.table.index(condition) for condition in self.sizes.conditions]]
            tensors[name].copy_(from_published_layout(published, value))


def published_encoder(
    state_dict: Mapping[str, Tensor], conditions: PublishedConditions | None = None
) -> PublishedEncoder:
    """Find the encoder of a published SparseUNet (v1m1 or v1m3) and read its sizes off the shapes of its weights.

    Raises:
        ValueError: the file holds unknown names, lacks those that say the sizes, or has another number of conditions.
    """
    conditions = conditions if conditions is not None else PublishedConditions()
    names = account_for_names(state_dict)
    if names.unknown:
        raise ValueError(
            f"{len(names.unknown)} names are not of a published SparseUNet (v1m1 or v1m3): {_list(names.unknown)}"
        )
    sizes = _sizes(state_dict, names, conditions)
    return PublishedEncoder(state_dict=state_dict, names=names, sizes=sizes, conditions=conditions)


def from_published_layout(published: str, value: Tensor) -> Tensor:
    """Lay out a published tensor as our layers hold it."""
    if value.ndim != 5:
        return value
    shape = _our_shape(published, value)
    return value.reshape(shape) if _is_linear(published) else value.permute(1, 2, 3, 4, 0).reshape(shape)


def _our_shape(published: str, value: Tensor) -> tuple[int, ...]:
    if value.ndim != 5:
        return tuple(value.shape)
    outputs, *kernel, inputs = value.shape
    return (kernel[0] * kernel[1] * kernel[2], inputs, outputs)


def _is_linear(published: str) -> bool:
    return re.search(r"proj(\.0|_conv)\.weight$", published) is not None


def _sizes(
    state_dict: Mapping[str, Tensor], names: PublishedNames, conditions: PublishedConditions
) -> PublishedSizes:
    found = [re.match(r"down\.(\d+)\.", name) for name in names.encoder]
    stages = 1 + max((int(match[1]) for match in found if match), default=-1)
    kernel = "conv" if "conv_input.conv.weight" in names.encoder else "0"
    places = ["conv_input", *(f"{side}.{s}" for side in ("down", "up") for s in range(stages))]
    telling = [f"{place}.{kernel}.weight" for place in places]
    telling += [f"{side}.{s}.block0.conv1.weight" for side in ("enc", "dec") for s in range(stages)]
    missing = [name for name in telling if name not in names.encoder]
    if missing or stages == 0:
        raise ValueError(
            "not a whole published SparseUNet (v1m1 or v1m3): "
            f"{_list(missing or [f'down.0.{kernel}.weight'])} missing"
        )
    shapes = {name: tuple(state_dict[names.encoder[name]].shape) for name in telling}
    wrong = [f"{name} {shape}" for name, shape in shapes.items() if len(shape) != 5]
    if wrong:
        raise ValueError(
            f"weights of sparse kernels must have five axes [out, kx, ky, kz, in]: {_list(wrong)}"
        )

    down, up = range(stages), range(stages - 1, -1, -1)
    return PublishedSizes(
        in_channels=shapes[f"conv_input.{kernel}.weight"][4],
        base_channels=shapes[f"conv_input.{kernel}.weight"][0],
        channels=(
            *(shapes[f"down.{s}.{kernel}.weight"][0] for s in down),
            *(shapes[f"up.{s}.{kernel}.weight"][0] for s in up),
        ),
        layers=(*(_blocks(names, "enc", s) for s in down), *(_blocks(names, "dec", s) for s in up)),
        conditions=_conditions(names, conditions),
        context_channels=_context_channels(state_dict, names),
    )


def _blocks(names: PublishedNames, side: str, stage: int) -> int:
    found = (re.match(rf"{side}\.{stage}\.block(\d+)\.", name) for name in names.encoder)
    return 1 + max((int(match.group(1)) for match in found if match), default=-1)


def _conditions(names: PublishedNames, conditions: PublishedConditions) -> tuple[str, ...]:
    found = (re.match(r"conv_input\.bn\.bns\.(\d+)\.", name) for name in names.encoder)
    count = 1 + max((int(match.group(1)) for match in found if match), default=-1)
    if count not in (0, len(conditions.norms)):
        raise ValueError(
            f"the file has norms for {count} conditions, not for {len(conditions.norms)} "
            f"({', '.join(conditions.norms)}): name them, in the file's order, as "
            "conditions=PublishedConditions(norms=..., table=...)"
        )
    return conditions.norms if count else ()


def _context_channels(state_dict: Mapping[str, Tensor], names: PublishedNames) -> int:
    weight = names.encoder.get("conv_input.bn.modulation.1.weight")
    if weight is None:
        return 0
    if CONTEXT_TABLE not in names.beside:
        raise ValueError(
            f"the norms of this encoder read a context of each dataset, but {CONTEXT_TABLE} is missing: give the "
            "whole model's weights, or add the contexts under that name, in the order of PublishedConditions.table"
        )
    return state_dict[weight].shape[-1]


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
