"""Class names to embeddings: averaging, caching, and users' files."""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_encoders.text import (
    INDOOR_TEMPLATES,
    OUTDOOR_TEMPLATES,
    ClassTable,
    NpzConfig,
    OpenClipConfig,
    TextConfig,
    average_prompts,
    build_class_table,
    read_npz,
    write_npz,
)
from ponder_encoders.text.cache import TableCache, cache_folder, table_hash
from torch import Tensor

NAMES = ("wall", "floor", "chair", "shower_curtain", "other furniture")


class HashedText:
    """A language model for tests: numbers drawn from a hash of the prompt, of any length."""

    def __init__(self, identity: str = "hashed text", channels: int = 16) -> None:
        self.identity, self.channels, self.asked = identity, channels, 0

    def embed(self, prompts: Sequence[str]) -> Tensor:
        self.asked += 1
        return torch.stack([self.one(prompt) for prompt in prompts])

    def one(self, prompt: str) -> Tensor:
        seed = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:6], "big")
        return torch.randn(self.channels, generator=torch.Generator().manual_seed(seed)) * 3 + 1


@pytest.fixture
def cache(tmp_path: Path) -> TableCache:
    return TableCache(folder=tmp_path / "cache" / "tables")


@pytest.mark.parametrize("templates", [("a {}.",), ("a {}.", "the {}!"), INDOOR_TEMPLATES, OUTDOOR_TEMPLATES])
def test_each_class_is_the_mean_over_its_own_prompts(templates: tuple[str, ...]) -> None:
    source = HashedText()
    found = average_prompts(NAMES, templates, source)
    assert found.dtype == torch.float32
    for row, name in zip(found, NAMES, strict=True):
        total = torch.zeros(source.channels, dtype=torch.float64)
        for template in templates:
            vector = source.one(template.replace("{}", name.replace("_", " "))).double()
            total += vector / vector.norm()
        torch.testing.assert_close(row.double(), total / total.norm(), rtol=0, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(len(NAMES))), cached=st.booleans())
def test_another_order_of_names_only_reorders_the_rows(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], cached: bool
) -> None:
    cache, source = TableCache(folder=tmp_path_factory.mktemp("tables")), HashedText()
    table = cache.table(NAMES, INDOOR_TEMPLATES, source)
    other = cache if cached else TableCache(folder=tmp_path_factory.mktemp("others"))
    permuted = other.table([NAMES[index] for index in order], INDOOR_TEMPLATES, source)
    assert permuted.names == tuple(NAMES[index] for index in order)
    assert torch.equal(permuted.embeddings, table.embeddings[order])


def test_a_cached_table_leaves_the_source_alone(cache: TableCache) -> None:
    source = HashedText()
    first = cache.table(NAMES, INDOOR_TEMPLATES, source)
    second = cache.table(NAMES, INDOOR_TEMPLATES, source)
    assert source.asked == 1
    assert torch.equal(first.embeddings, second.embeddings)
    assert first.names == second.names == NAMES
    assert first.source == second.source == source.identity
    assert [path.suffix for path in cache.folder.iterdir()] == [".npz"]


def test_whatever_a_table_depends_on_changes_its_hash(cache: TableCache) -> None:
    hashes = [
        table_hash(NAMES, INDOOR_TEMPLATES, "model"),
        table_hash(NAMES, INDOOR_TEMPLATES, "other model"),
        table_hash(NAMES, (*INDOOR_TEMPLATES[:-1], "here is a {}."), "model"),
        table_hash(NAMES, INDOOR_TEMPLATES[:-1], "model"),
        table_hash(NAMES[:-1], INDOOR_TEMPLATES, "model"),
        table_hash((*NAMES[:-1], "sofa"), INDOOR_TEMPLATES, "model"),
    ]
    assert len(set(hashes)) == len(hashes)
    assert table_hash(NAMES[::-1], INDOOR_TEMPLATES, "model") == hashes[0]
    source = HashedText()
    cache.table(NAMES, INDOOR_TEMPLATES, source)
    cache.table(NAMES, ("a {}.",), source)
    assert source.asked == 2


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "other", "scaled"])
def test_a_damaged_cache_is_made_again_with_a_warning(cache: TableCache, damage: str) -> None:
    source = HashedText()
    table = cache.table(NAMES, INDOOR_TEMPLATES, source)
    (path,) = cache.folder.iterdir()
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-len(content) // 2] ^= 255
    path.write_bytes(
        {"truncated": content[: len(content) // 2], "empty": b"", "other": b"text"}.get(damage, content)
    )
    if damage == "scaled":
        np.savez(path, names=np.array(NAMES), embeddings=2 * table.embeddings.numpy())
    with pytest.warns(UserWarning, match="is damaged and made again"):
        again = cache.table(NAMES, INDOOR_TEMPLATES, source)
    assert source.asked == 2
    assert torch.equal(again.embeddings, table.embeddings)
    cache.table(NAMES, INDOOR_TEMPLATES, source)
    assert source.asked == 2


def test_a_folder_that_cannot_be_written_costs_only_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = TableCache(folder=tmp_path / "file" / "tables")
    with pytest.warns(UserWarning, match="could not be cached"):
        table = cache.table(NAMES, INDOOR_TEMPLATES, HashedText())
    assert len(table.names) == len(NAMES)


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PONDER_CACHE", str(tmp_path / "a"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert cache_folder() == tmp_path / "a"
    monkeypatch.delenv("PONDER_CACHE")
    assert cache_folder() == tmp_path / "b" / "ponder"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "ponder"


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.npz"
    vectors = np.random.default_rng(0).normal(size=(len(NAMES), 8))
    np.savez(path, names=np.array(NAMES), embeddings=vectors, beside=np.zeros(3))
    return path


def test_a_users_file_is_read_in_the_order_asked_for(user_file: Path) -> None:
    config = TextConfig(source=NpzConfig(path=user_file))
    table = build_class_table(["chair", "wall"], config)
    vectors = torch.from_numpy(np.load(user_file)["embeddings"]).float()
    assert table.names == ("chair", "wall")
    torch.testing.assert_close(table.embeddings, torch.nn.functional.normalize(vectors[[2, 0]], dim=1))
    assert re.fullmatch(r"mine\.npz sha256:[0-9a-f]{64}", table.source)


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    table = ClassTable(names=("a", "ü b"), embeddings=torch.eye(2, 5), source="by hand")
    write_npz(table, tmp_path / "table.npz")
    back = read_npz(tmp_path / "table.npz")
    assert back.names == table.names
    assert torch.equal(back.embeddings, table.embeddings)


def test_missing_classes_are_listed_with_the_nearest(user_file: Path) -> None:
    with pytest.raises(ValueError, match="lacks 2 of 3 classes") as caught:
        read_npz(user_file, ["wall", "Chairs", "xyz"])
    assert "'Chairs' (nearest: 'chair')" in str(caught.value)
    assert "'xyz' (nearest: none)" in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"names": np.array(["a"])}, "must hold arrays 'names' and 'embeddings', but holds ['names']"),
        ({"names": np.array(["a"], object), "embeddings": np.ones((1, 2))}, "without unpickling"),
        ({"names": np.array([1]), "embeddings": np.ones((1, 2))}, "must be a row of strings"),
        ({"names": np.array(["a", "b"]), "embeddings": np.ones((1, 2))}, "one row for each of the 2 names"),
        ({"names": np.array(["a"]), "embeddings": np.ones((1, 2), int)}, "floating point numbers"),
        ({"names": np.array(["a", "a"]), "embeddings": np.ones((2, 2))}, "['a'] occur more than once"),
        ({"names": np.array(["a"]), "embeddings": np.zeros((1, 2))}, "unit length, unlike those of a (0)"),
        ({"names": np.array(["a"]), "embeddings": np.full((1, 2), np.nan)}, "unlike those of a (nan)"),
    ],
)
def test_bad_files_say_what_is_wrong(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=re.escape(message)):
        read_npz(tmp_path / "bad.npz")


def test_files_that_are_not_there_say_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no file"):
        read_npz(tmp_path / "nowhere.npz")
    config = TextConfig(source=OpenClipConfig(checkpoint=tmp_path / "nowhere.pt"))
    with pytest.raises(ValueError, match="nothing is downloaded"):
        build_class_table(NAMES, config)


@pytest.mark.parametrize(
    ("names", "templates", "message"),
    [
        ([], ("a {}",), "no class names"),
        (["a", " "], ("a {}",), "those at [1] are"),
        (["a", "b", "a"], ("a {}",), "['a'] occur more than once"),
        (["a"], (), "no prompt template"),
        (["a"], ("a {}", "nothing", "{} {}"), "unlike ['nothing', '{} {}']"),
    ],
)
def test_bad_names_and_templates_are_refused(
    names: list[str], templates: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        average_prompts(names, templates, HashedText())


def test_a_source_that_loses_prompts_is_caught() -> None:
    class Lossy(HashedText):
        def embed(self, prompts: Sequence[str]) -> Tensor:
            return super().embed(prompts[1:])

    with pytest.raises(ValueError, match="returned 9 vectors for 10 prompts"):
        average_prompts(NAMES, ("a {}", "the {}"), Lossy())


def test_the_source_is_chosen_by_its_kind() -> None:
    config = TextConfig.model_validate({"source": {"kind": "npz", "path": "x.npz"}})
    assert config.source == NpzConfig(path=Path("x.npz"))
    with pytest.raises(ValueError, match="exactly one"):
        TextConfig(templates=("no place",))
    with pytest.raises(ValueError, match="'minilm', 'open_clip', 'npz'"):
        TextConfig.model_validate({"source": {"kind": "word2vec"}})


@pytest.mark.parametrize(
    ("config", "extra"),
    [
        (lambda path: TextConfig(cache=False), "text"),
        (lambda path: TextConfig(source=OpenClipConfig(checkpoint=path), cache=False), "text-clip"),
    ],
)
def test_missing_packages_name_the_extra(
    user_file: Path, monkeypatch: pytest.MonkeyPatch, config: Callable[[Path], TextConfig], extra: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=re.escape(f"pip install 'ponder-encoders[{extra}]'")):
        build_class_table(NAMES, config(user_file))
