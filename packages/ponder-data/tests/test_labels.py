from dataclasses import replace

import pytest
import torch
from ponder_data.labels import (
    ARKITSCENES,
    MATTERPORT3D,
    NUSCENES_CATEGORIES,
    NUSCENES_DETECTION,
    NUSCENES_LIDARSEG,
    NYU40,
    ROOMS,
    S3DIS,
    SCANNET20,
    SCANNET200,
    STRUCTURED3D,
    SYNONYMS,
    LabelSet,
    map_classes,
    same_meaning,
)

SETS = (NYU40, SCANNET20, SCANNET200, STRUCTURED3D, S3DIS, NUSCENES_LIDARSEG, NUSCENES_DETECTION, ROOMS)
SETS += (ARKITSCENES, MATTERPORT3D)
SIZES = {NYU40: (40, 41), SCANNET20: (20, 41), STRUCTURED3D: (25, 41), S3DIS: (13, 13)}
SIZES |= {SCANNET200: (200, 1192), NUSCENES_LIDARSEG: (16, 32), NUSCENES_DETECTION: (10, 32), ROOMS: (17, 17)}
SIZES |= {ARKITSCENES: (17, 17), MATTERPORT3D: (40, 41)}


@pytest.mark.parametrize("labels", SETS, ids=lambda labels: labels.name)
def test_a_set_is_consistent(labels: LabelSet) -> None:
    classes, raw = SIZES[labels]
    assert len(labels) == len(labels.names) == len(labels.colors) == len(labels.raw_ids) == classes
    assert all(0 <= number < raw for ids in labels.raw_ids for number in ids)
    assert all(0 <= channel <= 255 for color in labels.colors for channel in color)
    assert len(set(labels.colors)) == classes
    assert all(name == name.strip().lower() for name in labels.names)
    mapped = labels.from_raw(torch.arange(-1, raw + 3))
    for number, label in zip(range(-1, raw + 3), mapped.tolist(), strict=True):
        expected = [i for i, ids in enumerate(labels.raw_ids) if number in ids] or [-1]
        assert [label] == expected
    assert map_classes(labels, labels) == tuple(range(classes))


def test_classes_of_nyu40_keep_their_ids_in_the_sets_built_on_it() -> None:
    for labels in (SCANNET20, STRUCTURED3D):
        for label, number in zip(map_classes(labels, NYU40), labels.raw_ids, strict=True):
            assert (label + 1,) == number
    assert SCANNET20.from_raw(torch.tensor([[0, 13], [39, 36]])).tolist() == [[-1, -1], [19, 18]]


def test_raw_categories_of_nuscenes_belong_to_the_class_of_their_name() -> None:
    assert len(NUSCENES_CATEGORIES) == len(set(NUSCENES_CATEGORIES)) == 32
    ending = {
        "construction_vehicle": "construction",
        "traffic_cone": "trafficcone",
        "other_flat": "flat.other",
    }
    for labels in (NUSCENES_LIDARSEG, NUSCENES_DETECTION):
        for name, ids in zip(labels.names, labels.raw_ids, strict=True):
            assert all(ending.get(name, name) in NUSCENES_CATEGORIES[number] for number in ids)
    # The two sets agree where both have a class.
    for label, other in enumerate(map_classes(NUSCENES_DETECTION, NUSCENES_LIDARSEG)):
        assert NUSCENES_LIDARSEG.raw_ids[other] == NUSCENES_DETECTION.raw_ids[label]


def test_synonyms_join_sets() -> None:
    assert same_meaning("couch") == ("couch", "sofa")
    assert same_meaning("beam") == ("beam",)
    names = [name for group in SYNONYMS for name in group]
    assert len(names) == len(set(names))
    place = map_classes(S3DIS, SCANNET20)
    assert SCANNET20.names[place[S3DIS.names.index("bookcase")]] == "bookshelf"
    assert place[S3DIS.names.index("beam")] == -1
    assert NYU40.names[map_classes(STRUCTURED3D, NYU40)[19]] == "night stand"
    for first in SETS:
        for second in SETS:
            there, back = map_classes(first, second), map_classes(second, first)
            assert all(back[label] == i for i, label in enumerate(there) if label >= 0)


def test_tables_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="12 colours"):
        replace(S3DIS, colors=S3DIS.colors[1:])
    with pytest.raises(ValueError, match="name 'a' occurs more than once"):
        LabelSet(name="s", names=("a", "a"), colors=((0, 0, 0),) * 2, raw_ids=((0,), (1,)), raw_set="ids")
    with pytest.raises(ValueError, match="raw id 3 occurs more than once"):
        LabelSet(name="s", names=("a", "b"), colors=((0, 0, 0),) * 2, raw_ids=((3,), (3,)), raw_set="ids")


def test_scannet200_knows_scannet20_by_name() -> None:
    place = map_classes(SCANNET20, SCANNET200)
    assert all(label >= 0 for label in place)
    assert SCANNET200.names[place[SCANNET20.names.index("sofa")]] == "couch"
    assert SCANNET200.from_raw(torch.tensor([6, 1191, 12, 1177])).tolist() == [5, 199, -1, -1]
