"""Prompts: the sentences in which a class name is shown to a language model."""

from collections.abc import Sequence

INDOOR_TEMPLATES = (
    "a photo of a {}.",
    "a photo of the {}.",
    "a {} in a room.",
    "the {} in a room.",
    "a close view of a {}.",
    "a part of a {}.",
    "a blurry photo of a {}.",
    "there is a {} indoors.",
)
"""For scans of rooms."""

OUTDOOR_TEMPLATES = (
    "a photo of a {}.",
    "a photo of the {}.",
    "a {} on a street.",
    "the {} by a road.",
    "a {} seen from a car.",
    "a part of a {}.",
    "a {} far away.",
    "there is a {} outdoors.",
)
"""For scenes of driving."""

_PLACE = "{}"


def check_templates(templates: Sequence[str]) -> None:
    """Raise ``ValueError`` unless there is a template and each has exactly one ``{}``, where the name goes."""
    if not templates:
        raise ValueError("there is no prompt template: give at least one, for instance 'a photo of a {}.'")
    wrong = [template for template in templates if template.count(_PLACE) != 1]
    if wrong:
        raise ValueError(f"each prompt template needs exactly one {{}} for the class name, unlike {wrong}")


def check_names(names: Sequence[str]) -> None:
    """Raise ``ValueError`` unless there are class names, none of them blank and none twice."""
    if not names:
        raise ValueError("there are no class names to embed")
    blank = [index for index, name in enumerate(names) if not name.strip()]
    if blank:
        raise ValueError(f"class names must not be blank, but those at {blank} are")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"class names must differ from each other, but {twice} occur more than once")


def prompts_of(name: str, templates: Sequence[str]) -> list[str]:
    """The name in each template; underscores in it are read as spaces (``shower_curtain``)."""
    return [template.replace(_PLACE, name.replace("_", " ")) for template in templates]
