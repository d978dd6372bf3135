"""Language guidance: the vocabulary of several datasets, and scores against text embeddings."""

from pathlib import Path

import pytest
import torch
from ponder_data import MixPart, Mixture, Scene
from ponder_encoders.text import ClassTable, NpzConfig, TextConfig, write_npz
from ponder_tasks.language import (
    UNLABELLED_CLASS_SCORE,
    LanguageConfig,
    LanguageHead,
    Vocabulary,
    build_vocabulary,
)


class Named:
    """A dataset that is only asked for its names."""

    def __init__(self, name: str, class_names: tuple[str, ...]) -> None:
        self.name = name
        self.class_names = class_names

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Scene:
        raise AssertionError("no scene is read")


def texts(folder: Path, names: tuple[str, ...], channels: int = 8) -> LanguageConfig:
    generator = torch.Generator().manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(len(names), channels, generator=generator), dim=1)
    write_npz(ClassTable(names=names, embeddings=rows, source="test"), folder / "texts.npz")
    return LanguageConfig(
        text=TextConfig(source=NpzConfig(path=folder / "texts.npz")), channels=channels, logit_scale=10.0
    )


def test_each_dataset_knows_its_own_classes_of_the_common_table(tmp_path: Path) -> None:
    first, second = Named("first", ("wall", "board")), Named("second", ("lamp", "wall"))
    vocabulary = build_vocabulary(
        Mixture([MixPart(scenes=first), MixPart(scenes=second, condition="other")]),
        texts(tmp_path, ("wall", "board", "lamp")),
    )
    assert vocabulary.table.names == ("wall", "board", "lamp")
    assert vocabulary.known == {"first": (0, 1), "other": (0, 2)}
    mask = vocabulary.known_mask(("other", "first", "other"))
    assert mask.tolist() == [[True, False, True], [True, True, False], [True, False, True]]


def test_scores_are_scaled_cosines_of_the_known_classes(tmp_path: Path) -> None:
    config = texts(tmp_path, ("wall", "board", "lamp"))
    first, second = Named("first", ("wall", "board")), Named("second", ("lamp", "wall"))
    vocabulary = build_vocabulary(Mixture([MixPart(scenes=first), MixPart(scenes=second)]), config)
    torch.manual_seed(0)
    head = LanguageHead(5, config).requires_grad_(False)
    features = torch.randn(7, 5)
    scores = head(features, torch.tensor([3, 7]), ("second", "first"), vocabulary)
    for point in range(7):
        known = (0, 2) if point < 3 else (0, 1)
        projected = features[point] @ head.projection.weight.T + head.projection.bias
        for label in range(3):
            cosine = torch.cosine_similarity(projected, vocabulary.table.embeddings[label], dim=0)
            expected = 10.0 * float(cosine) if label in known else UNLABELLED_CLASS_SCORE
            assert float(scores[point, label]) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_texts_of_another_width_are_refused(tmp_path: Path) -> None:
    config = texts(tmp_path, ("wall", "lamp")).model_copy(update={"channels": 384})
    with pytest.raises(ValueError, match=r"8 channels.*language\.channels=8"):
        build_vocabulary(Named("first", ("wall", "lamp")), config)


def test_data_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"first.*no class names"):
        build_vocabulary(Named("first", ()), texts(tmp_path, ("wall", "lamp")))


def test_the_gradient_of_unlabelled_classes_is_zero_and_finite(tmp_path: Path) -> None:
    config = texts(tmp_path, ("wall", "board", "lamp"))
    vocabulary = Vocabulary(
        table=build_vocabulary(Named("all", ("wall", "board", "lamp")), config).table,
        known={"all": (0, 1)},
    )
    head = LanguageHead(5, config)
    features = torch.randn(4, 5, requires_grad=True)
    scores = head(features, torch.tensor([4]), ("all",), vocabulary)
    torch.nn.functional.cross_entropy(scores, torch.tensor([0, 1, 0, 1])).backward()
    assert features.grad is not None
    assert bool(torch.isfinite(features.grad).all())
    only_known = head(features.detach(), torch.tensor([4]), ("all",), vocabulary)[:, :2]
    torch.testing.assert_close(scores.detach().softmax(dim=1)[:, :2], only_known.softmax(dim=1))
