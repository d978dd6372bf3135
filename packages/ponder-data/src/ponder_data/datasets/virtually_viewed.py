"""Any dataset seen by virtual cameras, in the place of the pictures that it does not have."""

from ponder_data.scene import Scene
from ponder_data.scene_files import SceneFiles, files_of
from ponder_data.scene_splits import splits_of
from ponder_data.scenes import Scenes
from ponder_data.virtual.cameras import VirtualCamerasConfig, with_virtual_views


class VirtuallyViewed:
    """The scenes of a dataset with virtual pictures, made when asked for; see :func:`with_virtual_views`.

    Args:
        scenes: the dataset; views that it has are left out.
        config: the cameras.
        held_out: whether scenes show their held-out views, as those for validation do.
    """

    def __init__(self, scenes: Scenes, config: VirtualCamerasConfig, *, held_out: bool) -> None:
        self.scenes = scenes
        self.config = config
        self.held_out = held_out

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.scenes.name

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class, in the order of the labels."""
        return self.scenes.class_names

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Scene:
        """Read scene ``index`` and take its pictures.

        Raises:
            IndexError: when there is no such scene.
            ValueError: when it cannot be read, or no camera sees enough of it.
        """
        return with_virtual_views(self.scenes[index], self.config, held_out=self.held_out)

    def scene_files(self, index: int) -> SceneFiles:
        """Return the files of scene ``index``."""
        return files_of(self.scenes, index)

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return the splits of scene ``index``."""
        return splits_of(self.scenes, index)
