"""The reconstruction job: learning surfaces on top of an encoder, and the report it leaves."""

import torch
from ponder_encoders import SparseUNet
from ponder_encoders.sparse.backend import choose_backend

from ponder_tasks.encoder_source import start_encoder
from ponder_tasks.listener import Measurement
from ponder_tasks.recipe import ReconstructRecipe
from ponder_tasks.reconstruct.batches import ShapeBatchSequence
from ponder_tasks.reconstruct.evaluation import mean_of, measure_reconstruction, reconstruct_shapes
from ponder_tasks.reconstruct.model import ReconstructionModel
from ponder_tasks.reconstruct.pictures import shape_pictures
from ponder_tasks.run_folder import RunFolder
from ponder_tasks.run_report import write_run_report
from ponder_tasks.scene_sources import open_shapes

PICTURED_SHAPES = 4


class ReconstructTask:
    """Surfaces from noisy sparse points, as the trainer sees it.

    Raises:
        ValueError: when the data are not solids or are not there, or the encoder cannot be read.
    """

    def __init__(self, recipe: ReconstructRecipe, *, initialise: bool = True) -> None:
        torch.manual_seed(recipe.trainer.seed)
        self.recipe = recipe
        self.shapes = open_shapes(recipe.train_data)
        self.validation = open_shapes(recipe.val_data)
        self.model = ReconstructionModel(recipe)
        if initialise and isinstance(self.model.encoder, SparseUNet):
            start_encoder(self.model.encoder, recipe)

    def train_scenes(self) -> int:
        """Return the number of training shapes."""
        return len(self.shapes)

    def val_scenes(self) -> int:
        """Return the number of shapes that are measured."""
        return min(len(self.validation), self.recipe.evaluation.shapes)

    def backend(self) -> str:
        """Return the name of the sparse convolution backend in use."""
        device = next(self.model.parameters()).device
        return choose_backend(self.recipe.encoder.backend, device).name

    def batches(self, rank: int, world_size: int) -> ShapeBatchSequence:
        """Return the training batches of one process."""
        return ShapeBatchSequence(self.shapes, self.recipe, rank=rank, world_size=world_size)

    def validate(self) -> tuple[Measurement, ...]:
        """Return Chamfer-L1, F-score, normal consistency and volumetric IoU on the validation shapes."""
        return measure_reconstruction(self.model, self.validation, self.recipe).measurements()

    def report(self, folder: RunFolder, seconds: float) -> tuple[Measurement, ...]:
        """Measure, and put the first shapes on the report page."""
        reconstructed = list(reconstruct_shapes(self.model, self.validation, self.recipe))
        measurements = mean_of(reconstructed).measurements()
        write_run_report(
            folder,
            recipe=self.recipe,
            seconds=seconds,
            measurements=measurements,
            clouds=tuple(shape_pictures(one) for one in reconstructed[:PICTURED_SHAPES]),
        )
        return measurements
