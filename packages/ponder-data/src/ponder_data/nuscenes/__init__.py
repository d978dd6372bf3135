"""nuScenes v1.0: its classes, splits and tables, and keyframes as scenes."""
