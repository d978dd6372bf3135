"""Semantic segmentation on top of an encoder."""
