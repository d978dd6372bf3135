"""Meshes of the SDF."""
