"""Names of the published PonderV2 models: which belong to the encoder, and what they are called here.

Encoders come as v1m1 (plain norms) and v1m3 (PPT: norms for each condition, with a modulation by its context).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CONTEXT_TABLE = "embedding_table.weight"
"""Lies beside the published encoder; ours holds it as ``context_table``."""

_STAGE = r"(?P<stage>\d+)"
_BLOCK = r"block(?P<block>\d+)"
# Published place -> our place. What v1m3 names, v1m1 numbers.
_KERNELS = {
    r"conv_input\.(0|conv)\.weight": "stem.convolution.weight",
    rf"down\.{_STAGE}\.(0|conv)\.weight": "encoder.{stage}.down.weight",
    rf"up\.{_STAGE}\.(0|conv)\.weight": "decoder.{stage}.up.weight",
    rf"enc\.{_STAGE}\.{_BLOCK}\.conv(?P<which>[12])\.weight": (
        "encoder.{stage}.blocks.{block}.convolution{which}.weight"
    ),
    rf"dec\.{_STAGE}\.{_BLOCK}\.conv(?P<which>[12])\.weight": (
        "decoder.{stage}.blocks.{block}.convolution{which}.weight"
    ),
    rf"dec\.{_STAGE}\.{_BLOCK}\.proj(\.0|_conv)\.weight": "decoder.{stage}.blocks.{block}.shortcut.weight",
}
_NORMS = {
    r"conv_input\.(1|bn)": "stem.norm",
    rf"down\.{_STAGE}\.(1|bn)": "encoder.{stage}.norm",
    rf"up\.{_STAGE}\.(1|bn)": "decoder.{stage}.norm",
    rf"enc\.{_STAGE}\.{_BLOCK}\.bn(?P<which>[12])": "encoder.{stage}.blocks.{block}.norm{which}",
    rf"dec\.{_STAGE}\.{_BLOCK}\.bn(?P<which>[12])": "decoder.{stage}.blocks.{block}.norm{which}",
    rf"dec\.{_STAGE}\.{_BLOCK}\.proj(\.1|_norm)": "decoder.{stage}.blocks.{block}.shortcut_norm",
}
_OF_A_NORM = r"(?P<value>weight|bias|running_mean|running_var|num_batches_tracked)"
_INSIDE_NORMS = {
    rf"\.{_OF_A_NORM}": ".{value}",
    rf"\.bns\.(?P<condition>\d+)\.{_OF_A_NORM}": ".norms.{condition}.{value}",
    r"\.modulation\.1\.(?P<value>weight|bias)": ".modulation.{value}",
}
_ENCODER = {
    **{re.compile(kernel): ours for kernel, ours in _KERNELS.items()},
    **{
        re.compile(place + inside): our_place + our_inside
        for place, our_place in _NORMS.items()
        for inside, our_inside in _INSIDE_NORMS.items()
    },
}
_BESIDE = re.compile(
    r"(proj_net|renderer|proj_head|bias_head|seg_head)\..+|final\.(weight|bias)"
    r"|embedding_table\.weight|logit_scale|class_embedding|mtoken"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedNames:
    """Every name of a published file, accounted for.

    Attributes:
        encoder: name inside the encoder -> full name in the file.
        beside: the same of what lies beside the encoder: renderer, projection, heads, the table of contexts.
        unknown: full names of anything else, and of what is there twice under different prefixes.
    """

    encoder: Mapping[str, str]
    beside: Mapping[str, str]
    unknown: tuple[str, ...]


def account_for_names(names: Iterable[str]) -> PublishedNames:
    """Sort the names of a published file into the encoder's, those beside it, and unknown ones.

    Names may begin with ``module.`` (several GPUs) and ``backbone.`` (an encoder among other parts; twice where a
    whole model serves as the encoder of another).
    """
    encoder: dict[str, str] = {}
    beside: dict[str, str] = {}
    unknown: list[str] = []
    for full in names:
        name = re.sub(r"^((module|backbone)\.)+", "", full)
        into = beside if _BESIDE.fullmatch(name) else encoder
        if name in into or (into is encoder and _match(name) is None):
            unknown.append(full)
        else:
            into[name] = full
    return PublishedNames(encoder=encoder, beside=beside, unknown=tuple(unknown))


def our_name(published: str, stages: int) -> str:
    """Our name of an encoder's parameter.

    Raises:
        ValueError: it is none of the published encoder's names.
    """
    found = _match(published)
    if found is None:
        raise ValueError(f"{published!r} is not a name of the published SparseUNet")
    match, ours = found
    groups = match.groupdict()
    if ours.startswith("decoder."):
        # Stages are counted from the finest in the published decoder, from the coarsest in ours.
        groups["stage"] = str(stages - 1 - int(groups["stage"]))
    return ours.format(**groups)


def _match(name: str) -> tuple[re.Match[str], str] | None:
    matches = ((pattern.fullmatch(name), ours) for pattern, ours in _ENCODER.items())
    return next(((match, ours) for match, ours in matches if match), None)
