"""Several datasets as one: counts, labels, conditions."""

from dataclasses import replace

import pytest
import torch
from ponder_data import (
    CachedScenes,
    MixPart,
    Mixture,
    SampleConfig,
    Scene,
    Visits,
    class_map,
    collate,
    merged_classes,
    prepare_sample,
    relabelled,
)
from ponder_data.labels import NYU40, SCANNET20

from .conftest import build_scene, known


class Named:
    """Scenes of one name; their number is in their first coordinate."""

    def __init__(self, name: str, scenes: int, class_names: tuple[str, ...] = ("floor", "chair")) -> None:
        self.name = name
        self.class_names = class_names
        self.scenes = scenes
        self.built: list[int] = []

    def __len__(self) -> int:
        return self.scenes

    def __getitem__(self, index: int) -> Scene:
        self.built.append(index)
        scene = build_scene(index, views=2)
        classes = len(self.class_names)
        views = tuple(replace(view, semantic=known(view.semantic) % classes) for view in scene.views)
        return replace(
            scene,
            name=f"{self.name}-{index}",
            dataset=self.name,
            semantic=known(scene.semantic) % classes,
            views=views,
            held_out_views=(),
            class_names=self.class_names,
        )


def test_every_scene_is_there_once_and_knows_its_condition() -> None:
    mixture = Mixture(
        [MixPart(scenes=Named("a", 2)), MixPart(scenes=Named("b", 3), loop=2, condition="ScanNet")]
    )
    assert len(mixture) == 5
    assert mixture.name == "a+b"
    scenes = [mixture[index] for index in range(5)]
    assert [scene.name for scene in scenes] == ["a-0", "a-1", "b-0", "b-1", "b-2"]
    assert [scene.condition for scene in scenes] == ["a", "a", "ScanNet", "ScanNet", "ScanNet"]
    assert [scene.dataset for scene in scenes] == ["a", "a", "b", "b", "b"]
    assert mixture.conditions == ("a", "ScanNet")
    assert mixture.visits == (Visits(2, 2), Visits(3, 6))
    for index in (-1, 5):
        with pytest.raises(IndexError, match="valid indices are 0 to 4"):
            mixture[index]


def test_a_batch_carries_the_condition_of_each_sample() -> None:
    mixture = Mixture([MixPart(scenes=Named("a", 1)), MixPart(scenes=Named("b", 1), condition="S3DIS")])
    config = SampleConfig(grid_size=0.3)
    generator = torch.Generator().manual_seed(0)
    samples = [prepare_sample(mixture[i], config, generator, rays=False) for i in (1, 0, 1)]
    assert collate(samples).conditions == ("S3DIS", "a", "S3DIS")
    alone = prepare_sample(Named("plain", 1)[0], config, generator, rays=False)
    assert collate([alone]).conditions == ("plain",)


def test_weights_share_the_visits_and_loops_may_be_fractions() -> None:
    parts = [MixPart(scenes=Named("a", 90), weight=1), MixPart(scenes=Named("b", 10), weight=3)]
    assert Mixture(parts).visits == (Visits(90, 25), Visits(10, 75))
    assert Mixture([MixPart(scenes=Named("a", 10), loop=0.25)]).visits == (Visits(10, 2),)
    assert Mixture([MixPart(scenes=Named("a", 10), loop=0.01)]).visits == (Visits(10, 1),), (
        "none would be lost"
    )


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "no datasets"),
        ([MixPart(scenes=Named("a", 0))], "a has no scenes"),
        ([MixPart(scenes=Named("a", 1), loop=0)], "a has loop 0 and weight None"),
        ([MixPart(scenes=Named("a", 1), weight=-1.0)], "weight -1.0"),
        ([MixPart(scenes=Named("a", 1), weight=1.0), MixPart(scenes=Named("b", 1))], "only a of 2 datasets"),
    ],
)
def test_what_cannot_be_mixed_is_refused(parts: list[MixPart], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mixture(parts)


def test_classes_of_one_meaning_come_together() -> None:
    first, second = ("wall", "sofa", "tv"), ("couch", "television", "lamp")
    assert merged_classes([first, second]) == ("wall", "sofa", "tv", "lamp")
    assert class_map(second, ("wall", "sofa", "tv", "lamp")) == (1, 2, 3)
    assert class_map(second, ("sofa",)) == (0, -1, -1)
    # Who tells two synonyms apart keeps doing so.
    assert merged_classes([("bookshelf",), ("bookcase", "bookshelf")]) == ("bookshelf", "bookcase")
    assert class_map(("bookcase", "bookshelf"), ("bookshelf", "bookcase")) == (1, 0)
    assert merged_classes([(), first]) == first
    assert merged_classes([SCANNET20.names, NYU40.names])[:20] == SCANNET20.names
    assert -1 not in class_map(NYU40.names, merged_classes([SCANNET20.names, NYU40.names]))


def test_labels_become_those_of_the_mixture() -> None:
    a, b = Named("a", 1, ("floor", "sofa", "lamp")), Named("b", 1, ("couch", "floor", "plant"))
    mixture = Mixture([MixPart(scenes=a), MixPart(scenes=b)])
    assert mixture.class_names == ("floor", "sofa", "lamp", "plant")
    assert mixture.known_classes(0) == (0, 1, 2)
    assert mixture.known_classes(1) == (0, 1, 3)
    table = {-1: -1, 0: 1, 1: 0, 2: 3}
    before, after = b[0], mixture[1]
    assert after.class_names == mixture.class_names
    pairs = [(before.semantic, after.semantic)]
    pairs += [(x.semantic, y.semantic) for x, y in zip(before.views, after.views, strict=True)]
    for old, new in pairs:
        assert old is not None
        assert new is not None
        assert (
            new.tolist() == torch.tensor([table[int(v)] for v in old.flatten()]).reshape(old.shape).tolist()
        )
    narrow = Mixture([MixPart(scenes=b)], class_names=("sofa",))
    assert set(known(narrow[0].semantic).tolist()) <= {-1, 0}


def test_a_scene_without_labels_is_left_alone() -> None:
    scene = replace(build_scene(0, views=1), semantic=None)
    assert relabelled(replace(scene, views=(), held_out_views=()), (1, 0), ("a", "b")).semantic is None


def test_a_label_out_of_range_is_told_of() -> None:
    with pytest.raises(ValueError, match="'scene 0' has the label 2, but its dataset has 2 classes"):
        relabelled(build_scene(0, views=1), (1, 0), ("a", "b"))


def test_a_cache_travels_empty() -> None:
    cached = CachedScenes(Named("a", 3))
    first = cached[1]
    assert cached[1] is first
    copy = CachedScenes.__new__(CachedScenes)
    copy.__dict__.update(cached.__getstate__())
    assert copy[1] is not first
    assert cached[1] is first, "what was sent has lost its scenes"
