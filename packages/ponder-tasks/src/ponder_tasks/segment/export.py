"""Predictions in the files that benchmarks take."""

from pathlib import Path

from ponder_data.labels import SCANNET20, SCANNET200, LabelSet

from ponder_tasks.segment.evaluation import Segmented


class ScanNetExport:
    """Writes ScanNet's submission: ``<scene>.txt`` with a line for each vertex, the raw id of its predicted class.

    Raises:
        ValueError: when the classes are those of neither ScanNet benchmark, or ``folder`` holds something.
    """

    def __init__(self, folder: Path, class_names: tuple[str, ...]) -> None:
        self.labels = _scannet_labels(class_names)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ValueError(
                f"{folder} is there already and not an empty folder; name a new one for the export"
            )
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def write(self, segmented: Segmented) -> Path:
        """Write one scene's file and return its path; points are in the order of the scan's vertices."""
        ids = [self.labels.raw_ids[label][0] for label in range(len(self.labels))]
        highest = int(segmented.prediction.max())
        if highest >= len(ids):
            raise ValueError(
                f"{segmented.scene.name}: class {highest} is predicted, none of ScanNet's {len(ids)}; give the "
                "model a language head (language), which keeps to the classes of a scene's dataset"
            )
        path = self.folder / f"{segmented.scene.name}.txt"
        path.write_text(
            "".join(f"{ids[label]}\n" for label in segmented.prediction.tolist()), encoding="ascii"
        )
        return path


def _scannet_labels(class_names: tuple[str, ...]) -> LabelSet:
    for labels in (SCANNET20, SCANNET200):
        # A model of several datasets has their other classes after ScanNet's own, and knows which are ScanNet's.
        if class_names[: len(labels)] == labels.names:
            return labels
    raise ValueError(
        f"this run tells {len(class_names)} classes apart ({', '.join(class_names[:4])}, ...), those of neither "
        "ScanNet benchmark (20 or 200 classes), so there is nothing to submit; evaluate without --export"
    )
