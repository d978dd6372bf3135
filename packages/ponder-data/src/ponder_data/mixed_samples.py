"""Mix3D in batches: pairs of samples of one batch are laid over each other."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from ponder_data.draws import draw_event
from ponder_data.grid import GridCell, sample_scene
from ponder_data.sample import Sample
from ponder_data.transforms.mix3d import MixConfig, mix3d


def mix_samples(
    samples: Sequence[Sample], config: MixConfig, cell: GridCell, generator: torch.Generator
) -> tuple[Sample, ...]:
    """Return the samples with neighbours laid over each other: the first two, the next two and so on, each by chance.

    A pair becomes one sample, so there are fewer, of as many points: only where both have one in a cell of the grid,
    one of the two is kept, at random. Samples of different datasets, lists of classes or conditions stay apart.

    Args:
        samples: without rays, which show one scene only.
        config: how likely a pair is to be joined; nothing is drawn where it is 0.
        cell: sides of the grid that they were sampled on, metres.
        generator: the only source of randomness.

    Raises:
        ValueError: when a sample that is to be joined has rays.
    """
    mixed: list[Sample] = []
    for first, second in zip(samples[::2], samples[1::2], strict=False):
        if _alike(first, second) and draw_event(config.probability, generator):
            mixed.append(_joined(first, second, cell, generator))
        else:
            mixed += [first, second]
    return (*mixed, *samples[len(samples) // 2 * 2 :])


def _alike(first: Sample, second: Sample) -> bool:
    a, b = first.scene, second.scene
    return (a.dataset, a.class_names, a.condition) == (b.dataset, b.class_names, b.condition)


def _joined(first: Sample, second: Sample, cell: GridCell, generator: torch.Generator) -> Sample:
    for sample in (first, second):
        if sample.rays is not None:
            raise ValueError(
                f"scene {sample.scene.name!r} cannot be mixed with another: its rays show it alone; "
                "prepare it without rays, or do not mix"
            )
    both = mix3d(replace(first.scene, grid_coord=None), replace(second.scene, grid_coord=None))
    return Sample(
        scene=sample_scene(both, cell, generator),
        lower=both.coord.amin(dim=0),
        upper=both.coord.amax(dim=0),
        rays=None,
    )
