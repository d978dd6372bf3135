"""Driving scenes: pre-training by rendering from a vehicle's LiDAR, its cameras, or both, in one fixed box about it."""
