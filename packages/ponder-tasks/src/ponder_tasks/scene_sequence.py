"""Training batches of scenes that come once an epoch each, for all steps of a trainer."""

from ponder_data import Scenes

from ponder_tasks.batches import SampleType, StepSequence, each_once
from ponder_tasks.training_config import TrainerConfig


class SceneSequence(StepSequence[SampleType]):
    """Batches of ``scenes``; a subclass says what is drawn of a scene, and how it is packed.

    Args:
        scenes: what an epoch visits, each once.
        trainer: how many steps there are, of how many scenes, and the seed.
        rank: of this process, among ``world_size``.
        world_size: how many processes share each step.
    """

    def __init__(self, scenes: Scenes, trainer: TrainerConfig, *, rank: int = 0, world_size: int = 1) -> None:
        super().__init__(
            (each_once(len(scenes)),),
            batch_size=trainer.batch_size,
            steps=trainer.steps * trainer.accumulate,
            seed=trainer.seed,
            rank=rank,
            world_size=world_size,
        )
        self.scenes = scenes

    def scene_name(self, index: int) -> str:
        """Return the scene's dataset and its number in it."""
        return f"scene {index} of {self.scenes.name}"
