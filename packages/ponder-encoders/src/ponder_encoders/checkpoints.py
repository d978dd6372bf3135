"""Weights of the published PonderV2 models: their names, their layout, and what belongs to which of our layers.

The published sparse kernels are stored ``[out, kx, ky, kz, in]``; ours are ``(kernel volume, in, out)``. The
published 1x1 convolutions multiply by the stored numbers *read* as ``(in, out)``, which is not a transposition.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

_NORM = r"(weight|bias|running_mean|running_var|num_batches_tracked)"
# Published name -> our name; an upper-case S is the stage, counted from the coarsest in our decoder.
_RENAMES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), ours)
    for pattern, ours in (
        (r"conv_input\.0\.weight", "stem.convolution.weight"),
        (rf"conv_input\.1\.{_NORM}", "stem.norm.{0}"),
        (r"down\.(\d+)\.0\.weight", "encoder.{0}.down.weight"),
        (rf"down\.(\d+)\.1\.{_NORM}", "encoder.{0}.norm.{1}"),
        (r"enc\.(\d+)\.block(\d+)\.conv([12])\.weight", "encoder.{0}.blocks.{1}.convolution{2}.weight"),
        (rf"enc\.(\d+)\.block(\d+)\.bn([12])\.{_NORM}", "encoder.{0}.blocks.{1}.norm{2}.{3}"),
        (r"up\.(\d+)\.0\.weight", "decoder.{S}.up.weight"),
        (rf"up\.(\d+)\.1\.{_NORM}", "decoder.{S}.norm.{1}"),
        (r"dec\.(\d+)\.block(\d+)\.conv([12])\.weight", "decoder.{S}.blocks.{1}.convolution{2}.weight"),
        (rf"dec\.(\d+)\.block(\d+)\.bn([12])\.{_NORM}", "decoder.{S}.blocks.{1}.norm{2}.{3}"),
        (r"(enc)\.(\d+)\.block(\d+)\.proj\.0\.weight", "encoder.{1}.blocks.{2}.shortcut.weight"),
        (rf"(enc)\.(\d+)\.block(\d+)\.proj\.1\.{_NORM}", "encoder.{1}.blocks.{2}.shortcut_norm.{3}"),
        (r"dec\.(\d+)\.block(\d+)\.proj\.0\.weight", "decoder.{S}.blocks.{1}.shortcut.weight"),
        (rf"dec\.(\d+)\.block(\d+)\.proj\.1\.{_NORM}", "decoder.{S}.blocks.{1}.shortcut_norm.{2}"),
    )
)
# What pre-trained and fine-tuned models hold beside the encoder.
_BESIDE = re.compile(
    r"(proj_net|renderer|proj_head|embedding_table)\..+|logit_scale|class_embedding|mtoken|backbone\.final\.(weight|bias)"
)
_FINAL = re.compile(r"final\.(weight|bias)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedNames:
    """Every name of a published file, accounted for.

    Attributes:
        encoder: name inside the encoder -> full name in the file.
        not_needed: full names of what lies beside the encoder: renderer, projection, heads.
        unknown: full names of which neither is known.
    """

    encoder: Mapping[str, str]
    not_needed: tuple[str, ...]
    unknown: tuple[str, ...]


def account_for_names(names: Mapping[str, Tensor]) -> PublishedNames:
    """Sort the names of a published file into the encoder's, those not needed, and unknown ones."""
    plain = {re.sub(r"^(module\.)+", "", name): name for name in names}
    inside = any(name.startswith("backbone.") for name in plain)
    encoder: dict[str, str] = {}
    not_needed: list[str] = []
    unknown: list[str] = []
    for name, full in plain.items():
        bare = name.removeprefix("backbone.") if inside else name
        belongs = name.startswith("backbone.") or not inside
        if belongs and any(pattern.fullmatch(bare) for pattern, _ in _RENAMES):
            encoder[bare] = full
        elif (belongs and _FINAL.fullmatch(bare)) or _BESIDE.fullmatch(name):
            not_needed.append(full)
        else:
            unknown.append(full)
    return PublishedNames(encoder=encoder, not_needed=tuple(not_needed), unknown=tuple(unknown))
