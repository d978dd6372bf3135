"""Virtual cameras: posed pictures of scans that came without any."""

from ponder_data.virtual.placement import Stand, place_cameras
from ponder_data.virtual.splat import Splat, splat
from ponder_data.virtual.surfels import Surfels, disc_radius, scene_surfels
from ponder_data.virtual.views import virtual_view

__all__ = [
    "Splat",
    "Stand",
    "Surfels",
    "disc_radius",
    "place_cameras",
    "scene_surfels",
    "splat",
    "virtual_view",
]
