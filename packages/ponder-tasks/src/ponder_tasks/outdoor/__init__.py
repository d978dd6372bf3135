"""Outdoor pre-training: LiDAR, cameras or both to one volume over a fixed box around the vehicle."""
