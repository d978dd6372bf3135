from dataclasses import replace

import pytest
import torch
from ponder_data import Boxes, Sample, SampleConfig, collate, pack_boxes, prepare_sample

from .conftest import build_scene


def boxes(count: int, *, start: int = 0, velocity: bool = False) -> Boxes:
    number = torch.arange(start, start + count)
    return Boxes(
        center=number[:, None] + torch.zeros(1, 3),
        size=torch.ones(count, 3),
        heading=0.1 * number,
        label=number % 2,
        instance=number,
        velocity=torch.ones(count, 3) if velocity else None,
    )


def test_boxes_lie_one_scene_after_the_other_and_know_their_scene() -> None:
    packed = pack_boxes([boxes(2), boxes(0), boxes(3, start=5), boxes(0)])
    assert len(packed) == 5
    assert packed.offsets.tolist() == [2, 2, 5, 5]
    assert packed.scene_index().tolist() == [0, 0, 2, 2, 2]
    assert packed.boxes.instance.tolist() == [0, 1, 5, 6, 7]
    assert packed.to("cpu").boxes.heading.tolist() == packed.boxes.heading.tolist()


def test_what_only_some_scenes_know_is_left_out() -> None:
    assert pack_boxes([boxes(1, velocity=True), boxes(2, velocity=True)]).boxes.velocity is not None
    assert pack_boxes([boxes(1, velocity=True), boxes(2)]).boxes.velocity is None
    with pytest.raises(ValueError, match="no boxes to pack"):
        pack_boxes([])


def test_a_batch_carries_the_boxes_of_its_scenes_in_the_frame_of_the_points() -> None:
    config = SampleConfig(grid_size=0.3)

    def sample(index: int, own: Boxes | None) -> Sample:
        scene = replace(build_scene(index), boxes=own)
        return prepare_sample(scene, config, torch.Generator().manual_seed(index), rays=False)

    parts = [sample(0, boxes(2)), sample(1, boxes(1))]
    packed = collate(parts).boxes
    assert packed is not None
    assert packed.offsets.tolist() == [2, 3]
    own = parts[1].scene.boxes
    assert own is not None
    assert torch.equal(packed.boxes.center[2:], own.center)
    assert collate([parts[0], sample(1, None)]).boxes is None
    moved = collate(parts).to("cpu").boxes
    assert moved is not None
    assert torch.equal(moved.boxes.size, packed.boxes.size)
