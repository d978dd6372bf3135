"""The sequence of training batches of solids."""

from collections.abc import Sequence

import torch
from ponder_data import Shapes

from ponder_tasks.recipe import ReconstructRecipe
from ponder_tasks.reconstruct.batch import (
    Places,
    ReconstructionBatch,
    SurfaceCloud,
    ask,
    collate_reconstruction,
    draw_places,
    draw_points,
    draw_symmetry,
    surface_cloud,
)
from ponder_tasks.scene_sequence import SceneSequence


class ShapeBatchSequence(SceneSequence[tuple[SurfaceCloud, Places]]):
    """``sequence[step]`` holds noisy points and places of that step's solids, drawn anew each time one comes."""

    def __init__(self, shapes: Shapes, recipe: ReconstructRecipe, *, rank: int, world_size: int) -> None:
        super().__init__(shapes, recipe.trainer, rank=rank, world_size=world_size)
        self.shapes = shapes
        self.recipe = recipe

    def __getitem__(self, step: int) -> ReconstructionBatch:
        return self.pack([self.prepare(position).sample for position in self.positions(step)])

    def pack(self, samples: Sequence[tuple[SurfaceCloud, Places]]) -> ReconstructionBatch:
        """Return the batch of ``samples``."""
        return collate_reconstruction([cloud for cloud, _ in samples], [places for _, places in samples])

    def scene_name(self, index: int) -> str:
        """Return the shape's collection and its number in it."""
        return f"shape {index} of {self.shapes.name}"

    def draw(self, index: int, generator: torch.Generator) -> tuple[SurfaceCloud, Places]:
        """Return noisy points of a solid, and places with what is true of them."""
        config, network = self.recipe.points, self.recipe.network
        shape = self.shapes.shape(index)
        points = draw_points(shape, config, generator)
        near = round(config.near_share * config.queries)
        reach = 0.5 * (1 + network.padding)
        position = draw_places(shape, config.queries, near, reach, config.near_distance, generator)
        places = ask(shape, position, distance=network.output == "sdf")
        if config.symmetries:
            turn = draw_symmetry(generator)
            points, position = points @ turn.T, position @ turn.T
        cloud = surface_cloud(
            points,
            shape.name,
            grid_size=self.recipe.sample.grid_size,
            encoder_cells=config.encoder_cells,
        )
        moved = Places(position=position, inside=places.inside, signed_distance=places.signed_distance)
        return cloud, moved
