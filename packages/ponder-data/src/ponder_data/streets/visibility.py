"""Visibility: what share of an actor the six cameras see."""

import numpy as np
from jaxtyping import Float

from ponder_data.rooms.camera import Camera, pixel_directions
from ponder_data.rooms.primitives import Primitives
from ponder_data.rooms.raycast import closest_hits, covered_pixels
from ponder_data.streets.recording import Photo, Recorder
from ponder_data.streets.street import take_primitives


def visible_shares(recorder: Recorder, time: int, photos: tuple[Photo, ...]) -> Float[np.ndarray, " actors"]:
    """Return for each actor how many pixels show it, divided by how many would if it stood there alone.

    Pixels of all six pictures count together; what lies outside every picture does not count. An actor in no
    picture has 0.

    Args:
        recorder: the street and the rig.
        time: microseconds.
        photos: what ``recorder.photos(time)`` returned.
    """
    actors = len(recorder.street.actors)
    shown, whole = np.zeros(actors), np.zeros(actors)
    primitives = recorder.near(time)
    primitives = take_primitives(primitives, np.nonzero(primitives.instance >= 0)[0])
    for photo in photos:
        shown += np.bincount(photo.instance[photo.instance >= 0], minlength=actors)
        whole += _pixels_alone(primitives, recorder.camera(photo.mount, time), actors)
    return shown / np.maximum(whole, 1.0)


def _pixels_alone(primitives: Primitives, camera: Camera, actors: int) -> Float[np.ndarray, " actors"]:
    """Count the pixels that each actor covers where nothing else stands."""
    count = np.zeros(actors)
    rectangles = covered_pixels(primitives, camera)
    direction = pixel_directions(camera)
    seen = rectangles[:, 1] > rectangles[:, 0]
    for actor in np.unique(primitives.instance[seen]):
        (rows,) = np.nonzero(seen & (primitives.instance == actor))
        alone = take_primitives(primitives, rows)
        hits = closest_hits(
            alone, camera.position, direction, camera.width, np.arange(len(rows)), rectangles[rows]
        )
        count[actor] = (hits.primitive >= 0).sum()
    return count
