"""From a finished run to its page."""

import json

from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.class_figures import ClassFigures
from ponder_tasks.overrides import recipe_to_yaml
from ponder_tasks.recipe import Recipe
from ponder_tasks.report.history import read_history
from ponder_tasks.report.page import Report, write_report
from ponder_tasks.report.pictures import CloudPictures, ViewPictures
from ponder_tasks.run_folder import RunFolder

TITLES = {
    "pretrain": "Pre-training by rendering",
    "pretrain-streets": "Outdoor pre-training by rendering",
    "segment": "Semantic segmentation",
    "instances": "Instance segmentation",
    "detect": "Detection",
    "outdoor-detect": "Detection outdoors",
    "volume-detect": "Detection outdoors",
    "reconstruct": "Surface reconstruction",
}


def write_run_report(
    folder: RunFolder,
    *,
    recipe: Recipe,
    seconds: float,
    measurements: tuple[Measurement, ...],
    views: tuple[ViewPictures, ...] = (),
    clouds: tuple[CloudPictures, ...] = (),
    per_class: ClassFigures | None = None,
) -> None:
    """Write ``report.html`` of the run in ``folder``, with its loss curves, pictures, figures and recipe."""
    about = json.loads((folder.path / "run.json").read_text(encoding="utf-8"))
    report = Report(
        title=f"{TITLES[recipe.task]}: {recipe.name}",
        subtitle=recipe.description,
        task=recipe.task,
        run_name=folder.path.name,
        command=about["command"],
        created=about["created"],
        seconds=seconds,
        versions=tuple(about["versions"].items()),
        recipe_yaml=recipe_to_yaml(recipe),
        measurements=measurements,
        views=views,
        clouds=clouds,
        per_class=per_class,
    )
    write_report(folder.report_file, report, read_history(folder.metrics_file))
