"""What the report shows of pre-training: rendered views, and the features of whole scenes as colours."""

from ponder_tasks.pretrain.held_out import EncodedRoom, RenderedView
from ponder_tasks.report.pictures import CloudPictures, ViewPictures, feature_cloud


def view_pictures(rendered: RenderedView, class_names: tuple[str, ...]) -> ViewPictures:
    """Return a rendered view as the report takes it; normals are in the world frame."""
    real_semantic = rendered.view.semantic if rendered.semantic is not None else None
    return ViewPictures(
        name=f"{rendered.scene}, view {rendered.view.name}",
        source=rendered.view.source,
        real_color=rendered.view.color.numpy(),
        rendered_color=rendered.color.clamp(0, 1).numpy(),
        real_depth=rendered.view.depth.numpy(),
        rendered_depth=rendered.depth.numpy(),
        real_normal=rendered.real_normal.numpy(),
        rendered_normal=rendered.normal.numpy(),
        real_semantic=None if real_semantic is None else real_semantic.long().numpy(),
        rendered_semantic=None if rendered.semantic is None else rendered.semantic.numpy(),
        class_names=class_names,
    )


def room_pictures(room: EncodedRoom) -> CloudPictures:
    """Return a scene's cloud beside its features, as the report takes it."""
    return feature_cloud(
        name=room.scene.name,
        coord=room.coord.numpy(),
        features=room.features.numpy(),
        color=room.input_color.clamp(0, 1).numpy(),
    )
