"""Detection outdoors: boxes with velocity and attribute from a feature volume, as nuScenes asks for them."""
