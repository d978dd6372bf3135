"""Which predictions of a scene are right at one overlap, by the rules of ScanNet's benchmark."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ponder_tasks.metrics.instance_overlaps import SceneOverlaps


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedScene:
    """Detections that count, right or wrong, and the true instances that nothing found.

    Attributes:
        label, score, is_true: of each detection that counts; those left out are neither right nor wrong.
        truth_label, found: class of each true instance that counts, and whether it was found.
    """

    label: Int[np.ndarray, " detections"]
    score: Float[np.ndarray, " detections"]
    is_true: Bool[np.ndarray, " detections"]
    truth_label: Int[np.ndarray, " truths"]
    found: Bool[np.ndarray, " truths"]


def judge_scene(scene: SceneOverlaps, threshold: float, minimum_points: int) -> JudgedScene:
    """Judge the predictions of ``scene`` at an IoU above ``threshold``.

    - Predictions of fewer than ``minimum_points`` points are left out; true instances of fewer are not looked for.
    - Each true instance, in its order, takes all predictions of its class that overlap it and that none before it has
      kept. It is found with the greatest of their scores; each other one is a false detection with its own score.
      It keeps the first, as the benchmark does; so only at thresholds under 0.5, where one prediction can overlap two
      true instances, can a duplicate of one be the finding of the next.
    - A prediction that overlaps no true instance is false, unless more than ``threshold`` of it is void or lies in
      true instances too small to be looked for; then it is left out.
    """
    large = scene.points >= minimum_points
    wanted = scene.truth_points >= minimum_points
    overlapping = (scene.iou() > threshold) & large
    found_by, duplicate, duplicate_score = _assign(overlapping & wanted[:, None], scene.score)
    found = found_by > -np.inf
    ignorable = scene.void + (scene.shared * ~wanted[:, None]).sum(axis=0)
    strange = large & ~overlapping.any(axis=0) & (ignorable / scene.points <= threshold)
    truth_label = scene.truth_label[wanted]
    return JudgedScene(
        label=np.concatenate(
            [scene.truth_label[found], scene.truth_label[duplicate], scene.label[strange]]
        ).astype(np.int64),
        score=np.concatenate([found_by[found], duplicate_score, scene.score[strange]]),
        is_true=np.arange(found.sum() + len(duplicate) + strange.sum()) < found.sum(),
        truth_label=truth_label,
        found=found[wanted],
    )


def _assign(
    overlapping: Bool[np.ndarray, "truths predictions"], score: Float[np.ndarray, " predictions"]
) -> tuple[Float[np.ndarray, " truths"], Int[np.ndarray, " duplicates"], Float[np.ndarray, " duplicates"]]:
    """Return the score each truth is found with (-inf where not), and the truth and score of each duplicate."""
    found_by = np.full(overlapping.shape[0], -np.inf)
    kept = np.zeros(overlapping.shape[1], dtype=bool)
    duplicates: list[int] = []
    scores: list[float] = []
    for truth in np.flatnonzero(overlapping.any(axis=1)):
        candidates = np.flatnonzero(overlapping[truth] & ~kept)
        if len(candidates) == 0:
            continue
        kept[candidates[0]] = True
        ranked = np.sort(score[candidates])
        found_by[truth] = ranked[-1]
        duplicates += [int(truth)] * (len(ranked) - 1)
        scores += ranked[:-1].tolist()
    return found_by, np.array(duplicates, dtype=np.int64), np.array(scores, dtype=np.float64)
