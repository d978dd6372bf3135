"""Visibility of the actors of a street: the share of their pixels that nothing hides."""

from dataclasses import replace

import numpy as np
import pytest
from ponder_data import RecordingConfig
from ponder_data.rooms.parts import box
from ponder_data.rooms.raycast import cast
from ponder_data.streets.looks import plain
from ponder_data.streets.recording import Recorder, record_street
from ponder_data.streets.street import Scenery, take_primitives
from ponder_data.streets.visibility import visible_shares

CONFIG = RecordingConfig(keyframes=1, image_width=80, image_height=45, image_noise=0.0)


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return record_street(CONFIG, np.random.SeedSequence(5))


def test_shares_are_those_of_pictures_of_one_actor_alone(recorder: Recorder) -> None:
    photos = recorder.photos(0)
    shares = visible_shares(recorder, 0, photos)
    assert shares.shape == (len(recorder.street.actors),)
    assert 0 <= shares.min() <= shares.max() <= 1
    everything = recorder.near(0)
    hidden_and_seen = [
        int(np.argmax((shares > 0.2) & (shares < 0.8))),
        int(shares.argmax()),
        int(shares.argmin()),
    ]
    for actor in hidden_and_seen:
        alone = take_primitives(everything, np.flatnonzero(everything.instance == actor))
        whole = sum(
            int((cast(alone, recorder.camera(photo.mount, 0)).primitive >= 0).sum()) for photo in photos
        )
        shown = sum(int((photo.instance == actor).sum()) for photo in photos)
        assert shares[actor] == pytest.approx(shown / max(whole, 1))


def test_behind_a_wall_nobody_is_visible(recorder: Recorder) -> None:
    wall = Scenery(
        part=box((4.0, 0.0, 5.0), (0.2, 200.0, 30.0), plain((0.5, 0.5, 0.5))), category="static.manmade"
    )
    street = replace(recorder.street, scenery=(*recorder.street.scenery, wall))
    walled = replace(recorder, street=street)
    before, after = (visible_shares(each, 0, each.photos(0)) for each in (recorder, walled))
    ahead = np.array([actor.box_center(0.0)[0] > 12.0 for actor in street.actors])
    assert before[ahead].max() == 1.0
    assert after[ahead].max() == 0.0
    behind = np.array([actor.box_center(0.0)[0] < -8.0 for actor in street.actors])
    np.testing.assert_array_equal(after[behind], before[behind])
