"""The label set: the classes of a data set, their colours, and the ids that its files use for them."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from ponder_data.scene import IGNORE_LABEL

Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSet:
    """Classes 0, 1, ... of a data set.

    Attributes:
        name: of the set.
        names: one per class.
        colors: display colour of each class, RGB in 0..255.
        raw_ids: of each class, the ids in ``raw_set`` that mean it. Ids of no class are ignored.
        raw_set: what the files' ids are, in words.

    Raises:
        ValueError: when the tables differ in length, or a name or raw id occurs twice.
    """

    name: str
    names: tuple[str, ...]
    colors: tuple[Color, ...]
    raw_ids: tuple[tuple[int, ...], ...]
    raw_set: str

    def __post_init__(self) -> None:
        lengths = (len(self.names), len(self.colors), len(self.raw_ids))
        if len(set(lengths)) != 1:
            raise ValueError(
                f"label set {self.name!r}: {lengths[0]} names, {lengths[1]} colours and {lengths[2]} groups of "
                "raw ids; give one of each per class"
            )
        every = [raw for ids in self.raw_ids for raw in ids]
        for what, values in (("name", self.names), ("raw id", every)):
            repeated = sorted({value for value in values if list(values).count(value) > 1}, key=str)
            if repeated:
                raise ValueError(f"label set {self.name!r}: {what} {repeated[0]!r} occurs more than once")

    def __len__(self) -> int:
        return len(self.names)

    def from_raw(self, raw: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Return the class of each raw id, int64; -1 (ignore) for ids that mean no class."""
        highest = max((i for ids in self.raw_ids for i in ids), default=0)
        table = torch.full((highest + 2,), IGNORE_LABEL, dtype=torch.int64)
        for label, ids in enumerate(self.raw_ids):
            table[list(ids)] = label
        # The last row of the table is for what lies outside it.
        raw = raw.long()
        known = (raw >= 0) & (raw <= highest)
        return table.to(raw.device)[torch.where(known, raw, highest + 1)]
