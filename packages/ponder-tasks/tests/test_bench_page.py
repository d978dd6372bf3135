"""The table and the page of a benchmark, from scores that are made up."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from ponder_tasks.bench.ablation_scores import AblationResult, VariantScore
from ponder_tasks.bench.page import BenchPage, render_bench_page, write_bench_page
from ponder_tasks.bench.pictures import ComparedPictures, both_arms
from ponder_tasks.bench.scores import Result, Spread
from ponder_tasks.bench.table import json_table, markdown_ablation, markdown_table
from ponder_tasks.report.pictures import CloudPictures, segmented_cloud


def result(
    scratch: tuple[float, ...], pretrained: tuple[float, ...], measure: str = "miou", better: str = "higher"
) -> Result:
    return Result(
        name="rooms-segmentation",
        title="Synthetic rooms <2>",
        measure=measure,
        unit="%" if measure == "miou" else "",
        better=better,
        steps=75,
        scratch=Spread(scores=scratch),
        pretrained=Spread(scores=pretrained),
    )


@pytest.mark.parametrize(
    ("scratch", "pretrained", "better", "gain", "ahead"),
    [
        ((30.0, 33.0, 36.0), (37.0, 40.0, 43.0), "higher", 7.0, True),
        ((30.0, 33.0, 36.0), (36.0, 40.0, 44.0), "higher", 7.0, False),
        ((37.0, 40.0, 43.0), (30.0, 33.0, 36.0), "higher", -7.0, False),
        ((37.0, 40.0, 43.0), (30.0, 33.0, 36.0), "lower", 7.0, True),
        ((30.0, 33.0, 36.0), (37.0, 40.0, 43.0), "lower", -7.0, False),
        ((30.0,), (37.0,), "higher", 7.0, None),
    ],
)
def test_ahead_is_every_run_better_than_every_other(
    scratch: tuple[float, ...], pretrained: tuple[float, ...], better: str, gain: float, ahead: bool | None
) -> None:
    made = result(scratch, pretrained, better=better)
    assert made.gain == pytest.approx(gain)
    assert made.ahead is ahead


def test_the_markdown_table_holds_mean_and_spread() -> None:
    rows = [
        result((30.0, 33.0, 36.3), (37.0, 40.0, 43.0)),
        result((0.02, 0.04), (0.01, 0.03), measure="chamfer_l1", better="lower"),
    ]
    lines = markdown_table(rows, 3).splitlines()
    assert lines[2] == (
        "| Synthetic rooms <2> | Mean IoU % ↑ | 75 | 33.1 (30.0 to 36.3) | 40.0 (37.0 to 43.0) | +6.9 | yes |"
    )
    assert lines[3] == (
        "| Synthetic rooms <2> | Chamfer-L1 ↓ | 75 | 0.03 (0.02 to 0.04) | 0.02 (0.01 to 0.03) | +0.01 | no |"
    )
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|")
    single = markdown_table([result((30.0,), (20.0,))], 1)
    assert "| 30.0 | 20.0 | -10.0 | one seed only |" in single
    assert "how much is chance" in single


def test_the_json_holds_every_score() -> None:
    tree = json.loads(json_table([result((30.0, 33.0), (37.0, 40.0))], bench="indoor", seeds=2))
    assert (tree["bench"], tree["seeds"]) == ("indoor", 2)
    assert tree["results"][0]["scratch"] == {
        "mean": 31.5,
        "lowest": 30.0,
        "highest": 33.0,
        "scores": [30.0, 33.0],
    }
    assert tree["results"][0]["ahead"] is True


def cloud(prediction: tuple[int, int]) -> CloudPictures:
    rng = np.random.default_rng(0)
    return segmented_cloud(
        name="room-0",
        coord=rng.random((500, 3)) * 3,
        color=rng.random((500, 3)),
        truth=np.zeros(500, dtype=np.int64),
        prediction=np.resize(np.array(prediction), 500),
        class_names=("floor", "wall", "chair"),
    )


def test_input_and_truth_are_drawn_once_and_both_predictions_beside_them() -> None:
    both = both_arms(cloud((1, 0)), cloud((0, 2)))
    assert [layer.caption for layer in both.layers] == [
        "Input colours",
        "True classes",
        "From scratch: predicted classes",
        "From scratch: mistakes in red: 50.0 % of labelled points",
        "Pre-trained: predicted classes",
        "Pre-trained: mistakes in red: 50.0 % of labelled points",
    ]
    assert [name for name, _ in both.legend] == ["floor", "wall", "chair"]
    same = both_arms(cloud((1, 0)), cloud((1, 0)))
    assert [layer.caption for layer in same.layers] == [layer.caption for layer in both.layers]


def page(**changes: object) -> BenchPage:
    made = {
        "title": "Indoor",
        "notes": ("Only synthetic rooms & nothing else",),
        "results": (result((30.0, 33.0), (37.0, 40.0)),),
        "pictures": (
            ComparedPictures(title="Synthetic rooms <2>", cloud=both_arms(cloud((1, 0)), cloud((0, 2)))),
        ),
        "seeds": 2,
        "share": 0.5,
        "estimated": 3000.0,
        "measured": 3300.0,
        "machine": "2 cores",
        "command": "ponder bench indoor --only segmentation",
        "versions": (("torch", "2.11"),),
    }
    return BenchPage(**{**made, **changes})  # type: ignore[arg-type]


ABLATION = AblationResult(
    name="masking-ratio",
    title="Masked in pre-training",
    task="Segmentation",
    measures=("miou", "chamfer_l1"),
    units=("%", ""),
    better=("higher", "lower"),
    variants=(
        VariantScore(label="no pre-training", scores=(30.0, 0.02)),
        VariantScore(label="80% of the blocks", scores=(33.25, 0.01)),
    ),
)


def test_an_ablation_is_a_table_of_its_own() -> None:
    lines = markdown_ablation(ABLATION).splitlines()
    assert lines[0] == "| Masked in pre-training | Mean IoU % ↑ | Chamfer-L1 ↓ |"
    assert lines[2:4] == ["| no pre-training | 30.0 | 0.02 |", "| 80% of the blocks | 33.2 | 0.01 |"]
    assert lines[-1].startswith("Segmentation. One seed")
    tree = json.loads(json_table([], [ABLATION], bench="outdoor"))
    assert tree["ablations"][0]["variants"][1] == {"label": "80% of the blocks", "scores": [33.25, 0.01]}
    shown = render_bench_page(page(ablations=(ABLATION,)), 96)
    assert '<th scope="row">80% of the blocks</th><td class="figure">33.2</td>' in shown
    assert "<h2>Ablations</h2>" not in render_bench_page(page(), 96)


def test_the_page_needs_nothing_else_and_says_everything(tmp_path: Path) -> None:
    write_bench_page(tmp_path / "index.html", page())
    text = (tmp_path / "index.html").read_text()
    assert len(text) < 5_000_000
    for words in (
        "Synthetic rooms &lt;2&gt;",
        "nothing else",
        "40.0",
        "31.5 (30.0 to 33.0)",
        '<td class="figure">yes</td>',
        "50 min 0 s",
        "55 min 0 s",
        "50% of the recipes",
        "ponder bench indoor --only segmentation",
    ):
        assert words in text, words
    addresses = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert len(addresses) > 4
    assert all(address.startswith("data:") for address in addresses)
    pictures = render_bench_page(page(), 480).count("<img")
    assert pictures == len(page().pictures[0].cloud.layers)
