"""Which files a scene was read from, so that what is said of a scene can name the file to look at."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFiles:
    """The files of one view; None where the layout has no such file."""

    name: str
    color: Path | None = None
    depth: Path | None = None
    pose: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFiles:
    """The files of one scene.

    Attributes:
        cloud: what its points are read from; empty where they are made of the views.
        labels: what the labels of its points are read from, where that is a file of its own.
        annotation: what else labels, instances and boxes are read from.
        recording: what all views are read from, where that is not a file for each; the first stands for them.
        views: of its views and held-out views.
    """

    cloud: tuple[Path, ...] = ()
    labels: Path | None = None
    annotation: tuple[Path, ...] = ()
    recording: tuple[Path, ...] = ()
    views: tuple[ViewFiles, ...] = ()

    def view(self, name: str) -> ViewFiles:
        """Return the files of the view called ``name``: the recording where it has none, or None for all."""
        whole = self.recording[0] if self.recording else None
        of_recording = ViewFiles(name=name, color=whole, depth=whole, pose=whole)
        return next((view for view in self.views if view.name == name), of_recording)

    def every(self) -> tuple[Path, ...]:
        """Return all files, each once, in order."""
        of_views = [file for view in self.views for file in (view.color, view.depth, view.pose)]
        return tuple(
            dict.fromkeys(
                file
                for file in (*self.cloud, self.labels, *self.annotation, *self.recording, *of_views)
                if file is not None
            )
        )


@runtime_checkable
class FiledScenes(Protocol):
    """Scenes that know the files they are read from, without reading them."""

    def scene_files(self, index: int) -> SceneFiles:
        """Return the files of scene ``index``."""
        ...


def files_of(scenes: object, index: int) -> SceneFiles:
    """Return the files of a scene, none where its dataset does not tell."""
    return scenes.scene_files(index) if isinstance(scenes, FiledScenes) else SceneFiles()
