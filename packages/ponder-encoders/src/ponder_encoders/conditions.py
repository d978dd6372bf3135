"""Conditions: which of the datasets that a network was made for each scene of a batch comes from."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneConditions:
    """What the norms of a network need to know of a batch's scenes.

    Attributes:
        scenes: the condition of each scene, as an index.
        context: what adaptive norms read of each condition; ``None`` where they are not adaptive.
    """

    scenes: tuple[int, ...]
    context: Float[Tensor, "conditions context"] | None

    def present(self) -> tuple[int, ...]:
        """The conditions of at least one scene, in rising order."""
        return tuple(sorted(set(self.scenes)))

    def scenes_of(self, condition: int) -> tuple[int, ...]:
        """The scenes of one condition, in rising order."""
        return tuple(scene for scene, own in enumerate(self.scenes) if own == condition)


def condition_indices(
    known: Sequence[str], given: str | Sequence[str] | None, scenes: int
) -> tuple[int, ...]:
    """Index in ``known`` of the condition of each of ``scenes`` scenes.

    Args:
        known: the conditions that there are.
        given: one for all scenes, or one for each.
        scenes: how many there are.

    Raises:
        ValueError: none is given, one is unknown, or there is not one for each scene; names the known ones.
    """
    choices = ", ".join(known)
    if given is None:
        raise ValueError(
            f"this network has norms for each of {choices}: say which to use, as condition={known[0]!r}, "
            "or one for each scene"
        )
    names = (given,) * scenes if isinstance(given, str) else tuple(given)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"there is no condition {unknown[0]!r}: this network has norms for {choices}")
    if len(names) != scenes:
        raise ValueError(
            f"{len(names)} conditions for {scenes} scenes: give one for all, or one for each, out of {choices}"
        )
    return tuple(known.index(name) for name in names)
