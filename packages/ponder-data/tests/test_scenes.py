import pytest
from ponder_data import CachedScenes, Scene, Scenes

from .conftest import build_scene


class CountedScenes:
    """Scenes that remember how often each was built."""

    name = "counted"
    class_names = ("a", "b")

    def __init__(self) -> None:
        self.built: list[int] = []

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Scene:
        self.built.append(index)
        return build_scene(index, views=1)


def test_kept_scenes_are_not_built_again() -> None:
    counted = CountedScenes()
    cached = CachedScenes(counted, limit=2)
    assert isinstance(cached, Scenes)
    assert (cached.name, cached.class_names, len(cached)) == ("counted", ("a", "b"), 4)
    assert cached[0] is cached[0]
    assert cached[1].name == "scene 1"
    assert counted.built == [0, 1]


def test_the_longest_unused_goes_first() -> None:
    counted = CountedScenes()
    cached = CachedScenes(counted, limit=2)
    for index in (0, 1, 0, 2, 0, 1):
        assert cached[index].name == f"scene {index}"
    assert counted.built == [0, 1, 2, 1]


def test_a_cache_holds_something() -> None:
    with pytest.raises(ValueError, match="limit is 0"):
        CachedScenes(CountedScenes(), limit=0)
