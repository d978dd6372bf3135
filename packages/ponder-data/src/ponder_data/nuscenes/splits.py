"""The splits of nuScenes: which scenes are for training, validation and test."""

import json
from pathlib import Path

from ponder_data.nuscenes.tables import read_table
from ponder_data.scene_splits import EVERY_SPLIT

_RANGES = {
    "train": """
        1-2 4-11 19-34 41-76 120-135 138-139 149-152 154-155 157-168 170-185 187-188 190-196 199-200 202-204
        206-214 218-220 222 224-264 283-306 315-318 321 323-324 328 347-386 388-403 405-408 410-459 461-465
        467-469 471-472 474-480 499-502 504-515 517-518 525-539 541-546 566 568 570-578 580 582-600 639-679
        681 683-689 695-698 700-701 703-719 726-728 730-731 733-741 744 746-747 749-752 757-765 767-769
        786-787 789-792 803-806 808-813 815-817 819-822 847-856 858 860-866 868-873 875-878 880 882-903 945
        947 949 952-953 955-961 975-984 988-992 994-1025 1044-1058 1074-1102 1104-1110""",
    "val": """
        3 12-18 35-36 38-39 92-110 221 268-278 329-332 344-346 519-524 552-565 625-627 629-630 632-638 770-771
        775 777-778 780-784 794-800 802 904-917 919-931 962-963 966-969 971-972 1059-1073""",
    "test": """
        77-91 111-119 140 142-148 265-266 279-282 307-314 333-343 481-498 547-551 601-604 606-624 827-831
        833-842 844-846 932-933 935-943 1026-1043""",
    "mini_train": "61 553 655 757 796 1077 1094 1100",
    "mini_val": "103 916",
}


def official_split(name: str) -> tuple[str, ...]:
    """Return the names of the scenes of an official split: 700 for train, 150 for val and test, 8 and 2.

    Raises:
        ValueError: when there is no such split.
    """
    if name not in _RANGES:
        raise ValueError(f"nuScenes has no split {name!r}; it has {', '.join(_RANGES)}")
    numbers: list[int] = []
    for part in _RANGES[name].split():
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return tuple(f"scene-{number:04d}" for number in numbers)


def split_scenes(root: Path, version: str, name: str) -> tuple[str, ...]:
    """Return the scenes of a split: of ``splits.json`` beside the tables if it names it, else official.

    The split "all" has every scene of the tables.

    Raises:
        ValueError: when neither has such a split, or a file is not what its name says.
    """
    if name == "all":
        return tuple(str(row["name"]) for row in read_table(root, version, "scene"))
    path = root / version / "splits.json"
    if path.is_file():
        splits = json.loads(path.read_text())
        if not isinstance(splits, dict):
            raise ValueError(f"{path}: holds a {type(splits).__name__}; expected {{split: [scene, ...]}}")
        if name in splits:
            return tuple(splits[name])
        if name not in _RANGES:
            raise ValueError(f"{path}: has no split {name!r}; it has {', '.join(splits)}")
    return official_split(name)


def splits_of_scene(root: Path, version: str, scene: str) -> tuple[str, ...]:
    """Return the splits that a scene belongs to: those of ``splits.json`` beside the tables, else the official ones.

    Scenes that are in none are of the split "all".
    """
    path = root / version / "splits.json"
    if path.is_file():
        splits = {name: tuple(scenes) for name, scenes in json.loads(path.read_text()).items()}
    else:
        splits = {name: official_split(name) for name in _RANGES}
    return tuple(name for name, scenes in splits.items() if scene in scenes) or (EVERY_SPLIT,)
