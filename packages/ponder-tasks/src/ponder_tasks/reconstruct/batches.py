"""The sequence of training batches of solids."""

from ponder_data import Shapes

from ponder_tasks.batches import Pick, StepSequence
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


class ShapeBatchSequence(StepSequence):
    """``sequence[step]`` holds noisy points and places of that step's solids, drawn anew each time one comes."""

    def __init__(self, shapes: Shapes, recipe: ReconstructRecipe, *, rank: int, world_size: int) -> None:
        config = recipe.trainer
        super().__init__(
            len(shapes),
            batch_size=config.batch_size,
            steps=config.steps * config.accumulate,
            seed=config.seed,
            rank=rank,
            world_size=world_size,
        )
        self.shapes = shapes
        self.recipe = recipe

    def __getitem__(self, step: int) -> ReconstructionBatch:
        drawn = [self._drawn(pick) for pick in self.picks(step)]
        return collate_reconstruction([cloud for cloud, _ in drawn], [places for _, places in drawn])

    def _drawn(self, pick: Pick) -> tuple[SurfaceCloud, Places]:
        config, network = self.recipe.points, self.recipe.network
        shape, generator = self.shapes.shape(pick.index), pick.generator
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
