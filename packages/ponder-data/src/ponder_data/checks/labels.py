"""Labels of a scene that mark nothing, or classes that there are not."""

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from ponder_data.checks.finding import Finding
from ponder_data.checks.places import cloud_file, label_file, picture_file
from ponder_data.scene import IGNORE_LABEL, Scene
from ponder_data.scene_files import SceneFiles


def check_labels(scene: Scene, files: SceneFiles, class_names: tuple[str, ...]) -> Iterator[Finding]:
    """Yield a finding where all points are ignored, and where ids are below -1 or name no class.

    Where the dataset does not name its classes (``class_names`` is empty), any id from 0 may be one.
    """
    labelled: list[tuple[str, Tensor | None, Path]] = [
        ("points", scene.semantic, label_file(files)),
        ("boxes", None if scene.boxes is None else scene.boxes.label, cloud_file(files)),
    ]
    labelled += [
        (f"pixels of view {view.name}", view.semantic, picture_file(files, view.name, "color"))
        for view in (*scene.views, *scene.held_out_views)
    ]
    for what, labels, file in labelled:
        if labels is None or labels.numel() == 0:
            continue
        wrong = labels < IGNORE_LABEL
        if class_names:
            wrong = wrong | (labels >= len(class_names))
        if bool(wrong.any()):
            known = f"0 to {len(class_names) - 1}" if class_names else "0 upwards"
            yield Finding(
                check="class_ids",
                severity="error",
                file=file,
                scene=scene.name,
                message=f"{int(wrong.sum())} of {labels.numel()} {what} have a class out of range, among them "
                f"{int(labels[wrong].flatten()[0])}; classes are {known}, and -1 to ignore",
            )
    if scene.semantic is not None and bool((scene.semantic == IGNORE_LABEL).all()):
        yield Finding(
            check="labels_empty",
            severity="error",
            file=label_file(files),
            scene=scene.name,
            message=f"none of its {len(scene)} points has a class (all labels are -1); label it, or leave it out of "
            "supervised training",
        )
