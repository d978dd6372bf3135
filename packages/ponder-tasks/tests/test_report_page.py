import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.segmentation import SegmentationMetrics
from ponder_tasks.report import document
from ponder_tasks.report.history import History, TrainRecord, ValidationRecord
from ponder_tasks.report.page import Report, write_report
from ponder_tasks.report.pictures import ViewPictures, feature_cloud, segmented_cloud

VOID = {"meta", "link", "img", "br", "line", "circle", "polyline"}


class PageReader(HTMLParser):
    """Reads a page as a browser would: every tag closed in order, all addresses, all text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def read(file: Path) -> PageReader:
    reader = PageReader()
    reader.feed(file.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == []
    return reader


def view(height: int = 12, width: int = 16) -> ViewPictures:
    rng = np.random.default_rng(0)
    color = rng.random((height, width, 3)).astype(np.float32)
    depth = (1 + rng.random((height, width))).astype(np.float32)
    depth[0, 0] = 0
    normal = np.zeros((height, width, 3), dtype=np.float32)
    normal[..., 2] = 1
    labels = rng.integers(-1, 2, (height, width))
    return ViewPictures(
        name="view 3",
        source="camera",
        real_color=np.broadcast_to(color, color.shape),
        rendered_color=np.clip(color + 0.1, 0, 1),
        real_depth=depth,
        rendered_depth=depth + np.float32(0.25),
        real_normal=normal,
        rendered_normal=normal,
        real_semantic=labels,
        rendered_semantic=labels,
        class_names=("wall", "chair"),
    )


def full_report() -> Report:
    rng = np.random.default_rng(0)
    coord, color = rng.random((200, 3)), rng.random((200, 3))
    labels = rng.integers(0, 2, 200)
    return Report(
        title="Rooms & <halls>",
        subtitle="A trial",
        task="pretrain",
        run_name="rooms-1",
        command='ponder pretrain rooms --set "trainer.steps=10"',
        created="2026-01-02 03:04",
        seconds=75.0,
        versions=(("torch", "2.9.1"),),
        recipe_yaml="task: pretrain\nname: <rooms>\n",
        measurements=(
            Measurement(name="psnr", value=21.337, unit="dB"),
            Measurement(name="own_figure", value=0.12345, better="lower"),
        ),
        notes=("Mind the <gap>.",),
        views=(view(),),
        clouds=(
            feature_cloud(name="hall", coord=coord, features=rng.random((200, 5)), color=color),
            segmented_cloud(
                name="room",
                coord=coord,
                color=color,
                truth=labels,
                prediction=1 - labels,
                class_names=("wall", "chair"),
            ),
        ),
        per_class=SegmentationMetrics(
            miou=0.5,
            macc=0.6,
            allacc=0.7,
            iou_per_class=(0.5, math.nan),
            accuracy_per_class=(0.61, math.nan),
            class_names=("wall", "stair<case>"),
            counts=(1234, 0),
        ).per_class(),
    )


def history() -> History:
    return History(
        train=tuple(
            TrainRecord(step=step, total=1 / step, losses=(("eikonal", 0.5),), learning_rate=1e-3)
            for step in range(1, 30)
        ),
        validation=tuple(
            ValidationRecord(step=step, measurements=(("psnr", 20.0 + step),)) for step in (10, 20)
        ),
        unreadable_lines=2,
    )


def test_the_page_needs_nothing_else_and_says_everything(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write_report(file, full_report(), history())
    reader = read(file)
    assert all(address.startswith("data:") for address in reader.addresses)
    source = file.read_text(encoding="utf-8")
    assert "url(" not in source
    assert "@import" not in source
    assert "<script" not in source
    for words in (
        "Rooms & <halls>",
        "Mind the <gap>.",
        "2 line(s) of metrics.jsonl could not be read",
        "1 min 15 s",
        "21.34 dB",
        "own figure",
        "0.1235",
        "Taken by a real camera",
        "depth error 0.250 m",
        "missing",
        "Mistakes in red: 100.0 % of labelled points",
        "stair<case>",
        "1,234",
        "eikonal",
        'ponder pretrain rooms --set "trainer.steps=10"',
        "torch",
        "name: <rooms>",
    ):
        assert words in reader.text, words
    # Eight pictures of the view, two layers of one cloud and four of the other.
    assert reader.tags.count("img") == 8 + 2 + 4
    # Validation PSNR; total, eikonal, learning rate.
    assert reader.tags.count("svg") == 4


def test_nothing_but_the_written_page_is_left(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("old")
    write_report(file, full_report(), history())
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_run_without_pictures_or_history_has_a_page(tmp_path: Path) -> None:
    report = replace(full_report(), views=(), clouds=(), per_class=None, measurements=(), notes=())
    write_report(tmp_path / "report.html", report, History())
    reader = read(tmp_path / "report.html")
    assert "Held-out views" not in reader.text
    assert "Training" not in reader.text
    assert "How to repeat it" in reader.text


def test_a_view_may_lack_normals_classes_and_depth(tmp_path: Path) -> None:
    bare = replace(
        view(),
        source="virtual",
        real_depth=np.zeros((12, 16)),
        rendered_depth=np.ones((12, 16)),
        real_normal=None,
        rendered_normal=None,
        real_semantic=None,
    )
    write_report(tmp_path / "report.html", replace(full_report(), views=(bare,), clouds=()), History())
    reader = read(tmp_path / "report.html")
    assert "virtual camera in a real scan" in reader.text
    assert "Normals" not in reader.text
    assert "depth error" not in reader.text
    # Colour and depth in pairs, and the rendered classes alone.
    assert reader.tags.count("img") == 5


def test_many_pictures_are_made_smaller_until_the_page_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = replace(full_report(), views=(view(150, 200),), clouds=())
    monkeypatch.setattr(document, "LARGEST_PAGE", 400_000)
    write_report(tmp_path / "report.html", report, history())
    assert 100_000 < (tmp_path / "report.html").stat().st_size <= 400_000
    monkeypatch.setattr(document, "LARGEST_PAGE", 20_000)
    with pytest.raises(ValueError, match="show fewer than 1 views and 0 clouds"):
        write_report(tmp_path / "other.html", report, history())
    assert not (tmp_path / "other.html").exists()
