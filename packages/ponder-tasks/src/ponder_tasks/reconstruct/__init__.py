"""Surfaces: of scenes by the pre-trained SDF, and of noisy sparse points by a decoder that learns them."""
