"""What the report shows of segmentation: prediction against truth, from three sides."""

from ponder_tasks.report.pictures import CloudPictures, segmented_cloud
from ponder_tasks.segment.evaluation import Segmented


def segmented_pictures(segmented: Segmented) -> CloudPictures:
    """Return a segmented scene as the report takes it."""
    scene = segmented.scene
    assert scene.semantic is not None, "only labelled scenes are compared with their labels"
    return segmented_cloud(
        name=scene.name,
        coord=scene.coord.numpy(),
        color=scene.color.numpy(),
        truth=scene.semantic.numpy(),
        prediction=segmented.prediction.numpy(),
        class_names=scene.class_names,
    )
