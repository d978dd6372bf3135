"""How a folder is read, beyond its layout: fewer frames, smaller pictures, or virtual views for scans without any."""

from dataclasses import dataclass, fields
from pathlib import Path

from pydantic import BaseModel

from ponder_data.datasets.joined import JoinedScenes
from ponder_data.datasets.scan_folder import ScanFolder
from ponder_data.datasets.virtual_views import VirtualScans, VirtualScansConfig
from ponder_data.indoor.frames import FrameOptions
from ponder_data.layouts import detect_layout
from ponder_data.scenes import Scenes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """What to change of a reader's own settings; None leaves them.

    Attributes:
        frame_stride: use every n-th frame or keyframe.
        frames_per_scene: cut sequences of frames into scenes of at most so many; of scenes that are whole rooms, read
            so many frames, evenly spread.
        image_width: of the pictures, in pixels; heights follow.
        virtual_views: for scans without pictures: so many from virtual cameras, and an eighth of that held out.
        label_set: of scans whose labels are raw ids of a known set, e.g. ``nyu40``.
    """

    frame_stride: int | None = None
    frames_per_scene: int | None = None
    image_width: int | None = None
    virtual_views: int | None = None
    label_set: str | None = None

    def for_config(self) -> dict[str, int | str]:
        """Return what is changed, by the names that the readers' configurations use."""
        given = {
            field.name: getattr(self, field.name) for field in fields(self) if field.name != "virtual_views"
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """An opened folder: all its scenes, which layout they were found by, and the settings of the reader as text."""

    path: Path
    layout: str
    title: str
    scenes: Scenes
    settings: str


def open_folder(path: Path, options: ReadingOptions | None = None) -> Folder:
    """Open the scenes of a folder, whatever its layout, all splits together.

    Raises:
        ValueError: when the layout is not known, the files cannot be read, or a stride of frames is asked for where
            there are no frames.
    """
    options = options or ReadingOptions()
    layout = detect_layout(path)
    scenes = _changed(layout.open(path), options)
    if (options.frame_stride or 1) > 1 and '"frame_stride"' not in _settings(scenes):
        raise ValueError(f"{path}: is a {layout.title}, of which no stride of frames can be taken")
    return Folder(
        path=path, layout=layout.name, title=layout.title, scenes=scenes, settings=_settings(scenes)
    )


def _changed(scenes: Scenes, options: ReadingOptions) -> Scenes:
    """Return the dataset opened again with other settings; itself where nothing it knows is to be changed."""
    if isinstance(scenes, JoinedScenes):
        return JoinedScenes([_changed(part, options) for part in scenes.parts])
    if isinstance(scenes, ScanFolder) and options.virtual_views:
        return _virtual(scenes, options)
    config = _config(scenes)
    if config is None:
        return scenes
    changes = {
        name: value for name, value in options.for_config().items() if name in type(config).model_fields
    }
    if isinstance(config, FrameOptions) and config.views and options.frames_per_scene:
        changes["views"] = options.frames_per_scene
    changed = type(config).model_validate({**config.model_dump(), **changes})
    return scenes if changed == config else type(scenes)(changed)  # pyright: ignore[reportCallIssue, reportArgumentType]


def _virtual(scans: ScanFolder, options: ReadingOptions) -> Scenes:
    """Return the same scans with views of virtual cameras, both splits together."""
    views = options.virtual_views or 0
    common: dict[str, object] = scans.config.model_dump(exclude={"kind"})
    common |= {"views": views, "held_out_views": -(-views // 8)}
    if options.label_set is not None:
        common["label_set"] = options.label_set
    if options.image_width is not None:
        width = options.image_width
        common |= {"image_width": width, "image_height": max(8, round(0.75 * width))}
    parts = [
        VirtualScans(VirtualScansConfig.model_validate({**common, "split": split}))
        for split in ("train", "val")
    ]
    together = {name for part in parts for name in part.scene_names}
    undivided = sum(len(part) for part in parts) > len(together)
    return parts[1] if undivided else JoinedScenes([part for part in parts if len(part)])


def _config(scenes: Scenes) -> BaseModel | None:
    config = getattr(scenes, "config", None)
    return config if isinstance(config, BaseModel) else None


def _settings(scenes: Scenes) -> str:
    """Return the settings of the reader as JSON, without the place of the folder."""
    if isinstance(scenes, JoinedScenes):
        return "\n".join(dict.fromkeys(_settings(part) for part in scenes.parts))
    config = _config(scenes)
    return type(scenes).__name__ if config is None else config.model_dump_json(exclude={"path"})
