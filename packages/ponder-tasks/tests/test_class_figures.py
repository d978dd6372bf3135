import math

import pytest
from ponder_tasks.metrics.class_figures import ClassFigure, ClassFigures

FIGURES = ClassFigures(
    class_names=("chair", "lamp"),
    counted="instances",
    counts=(3, 0),
    figures=(
        ClassFigure(name="ap", label="AP", values=(0.5, math.nan)),
        ClassFigure(name="ap50", label="AP50", values=(0.75, math.nan)),
    ),
)


def test_rows_hold_every_figure_of_a_class() -> None:
    assert FIGURES.rows()[0] == ("chair", 3, (0.5, 0.75))


def test_json_has_null_where_a_class_has_no_figure() -> None:
    assert FIGURES.as_json() == [
        {"name": "chair", "instances": 3, "ap": 0.5, "ap50": 0.75},
        {"name": "lamp", "instances": 0, "ap": None, "ap50": None},
    ]


def test_figures_that_do_not_fit_the_classes_are_told() -> None:
    short = ClassFigure(name="ap", label="AP", values=(0.5,))
    with pytest.raises(ValueError, match=r"of 2 classes with lengths \[1, 2\]"):
        ClassFigures(class_names=("chair", "lamp"), counted="points", counts=(1, 1), figures=(short,))
    with pytest.raises(ValueError, match="at least one figure"):
        ClassFigures(class_names=("chair",), counted="points", counts=(1,), figures=())
