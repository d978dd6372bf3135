"""The whole examination of a folder: its files one by one, then its scenes, then the scenes against each other."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ponder_data.checks.color_agreement import check_color_agreement
from ponder_data.checks.depth_files import check_depth_files
from ponder_data.checks.depth_scale import check_depth_scale
from ponder_data.checks.duplicates import Fingerprint, check_duplicates, fingerprint
from ponder_data.checks.finding import CheckName, Finding, Severity
from ponder_data.checks.label_files import check_label_files
from ponder_data.checks.labels import check_labels
from ponder_data.checks.places import UNKNOWN, cloud_file
from ponder_data.checks.pose_files import check_pose_files
from ponder_data.checks.poses import check_poses
from ponder_data.checks.reprojection import check_reprojection
from ponder_data.checks.values import check_values
from ponder_data.checks.whole_files import check_whole_files
from ponder_data.datasets.prepared_scenes import PreparedScenes
from ponder_data.layouts import detect_layout
from ponder_data.reading import ReadingOptions, open_folder
from ponder_data.scene import ClassIdError, NotFiniteError, Scene
from ponder_data.scene_files import SceneFiles, files_of
from ponder_data.scene_splits import splits_of
from ponder_data.scenes import Scenes

READING = ReadingOptions(image_width=160, frames_per_scene=24)
"""Pictures are read small and sequences in pieces: enough to see what is wrong, and little memory."""

FILE_CHECKS: tuple[Callable[[Path], Iterator[Finding]], ...] = (
    check_whole_files,
    check_pose_files,
    check_depth_files,
    check_label_files,
)
"""Checks that need no reader; to add one, add it here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What was examined, and what was found.

    Attributes:
        path: the folder.
        layout: what it is, in words.
        scenes: how many it has.
        examined: how many of them were read.
        findings: errors first.
    """

    path: Path
    layout: str
    scenes: int
    examined: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.severity == "error" for finding in self.findings)


def check_folder(
    path: Path,
    *,
    most_scenes: int | None = None,
    label_set: str | None = None,
    advanced: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Examine a folder of any known layout.

    Args:
        path: the folder.
        most_scenes: read at most so many scenes, evenly spread; None: all. Files are always looked at, all of them.
        label_set: of which the labels of scans are raw ids, such as nyu40; None: as the files say.
        advanced: is called after each scene with the number of those done and of all to do.

    Raises:
        ValueError: when there is no such folder, or its layout is not known.
    """
    layout = detect_layout(path)
    found = [finding for check in FILE_CHECKS for finding in check(path)]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            scenes = open_folder(path, replace(READING, label_set=label_set)).scenes
        except ValueError as error:
            found += _complaint(error, path, SceneFiles(), found)
            return _report(path, layout.title, 0, 0, found)
    for warning in said:
        found += _complaint(str(warning.message), path, SceneFiles(), found)
    chosen = _spread(len(scenes), most_scenes)
    prints: list[Fingerprint] = []
    for done, index in enumerate(chosen, start=1):
        findings, print_ = _examined(scenes, index, path, found)
        found += findings
        prints += [print_] if print_ is not None else []
        if advanced is not None:
            advanced(done, len(chosen))
    found += check_duplicates(prints)
    return _report(path, layout.title, len(scenes), len(chosen), found)


def _examined(
    scenes: Scenes, index: int, root: Path, found: list[Finding]
) -> tuple[list[Finding], Fingerprint | None]:
    """Return what is wrong with one scene, and its fingerprint where it can be read."""
    files = files_of(scenes, index)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            scene = scenes[index]
        except ValueError as error:
            return _complaint(error, root, files, found), None
    findings = [one for warning in said for one in _complaint(str(warning.message), root, files, found)]
    if isinstance(scenes, PreparedScenes) and not scenes.is_intact(index):
        findings.append(
            Finding(
                check="changed",
                severity="error",
                file=cloud_file(files),
                scene=scene.name,
                message="its content is not what was prepared; delete the file and prepare the cache again",
            )
        )
    findings += [*check_values(scene, files), *check_poses(scene, files)]
    findings += check_labels(scene, files, scenes.class_names or scene.class_names)
    if not any(finding.check in ("not_finite", "pose") for finding in findings):
        findings += [*check_depth_scale(scene, files), *check_reprojection(scene, files)]
        findings += check_color_agreement(scene, files)
    splits = splits_of(scenes, index)
    return findings, fingerprint(scene.name, cloud_file(files), splits, scene.coord) if _has_cloud(
        scene
    ) else None


def _has_cloud(scene: Scene) -> bool:
    return len(scene) > 0 and bool(scene.coord.isfinite().all())


def _complaint(said: ValueError | str, root: Path, files: SceneFiles, found: list[Finding]) -> list[Finding]:
    """Return what a reader complained of, unless a check has found the cause in the very file or folder it names."""
    text = " ".join(str(said).split())
    named = Path(text.split(": ")[0])
    blamed = (named,) if named.exists() else files.every() or (root,)
    if any(known.file == file or known.file.is_relative_to(file) for known in found for file in blamed):
        return []
    check: CheckName = "reader"
    if isinstance(said, ValueError):
        kinds: dict[type, CheckName] = {NotFiniteError: "not_finite", ClassIdError: "class_ids"}
        check = kinds.get(type(said), "unreadable")
    severity: Severity = "error" if isinstance(said, ValueError) else "warning"
    return [Finding(check=check, severity=severity, file=blamed[0], message=text.removeprefix(f"{named}: "))]


def _spread(count: int, most: int | None) -> list[int]:
    """Return up to ``most`` numbers below ``count``, evenly spread."""
    if most is None or most >= count:
        return list(range(count))
    return [(2 * number + 1) * count // (2 * most) for number in range(most)]


def _report(path: Path, layout: str, scenes: int, examined: int, found: list[Finding]) -> CheckReport:
    placed = [replace(finding, file=path) if finding.file == UNKNOWN else finding for finding in found]
    placed.sort(key=lambda finding: finding.severity != "error")
    return CheckReport(path=path, layout=layout, scenes=scenes, examined=examined, findings=tuple(placed))
