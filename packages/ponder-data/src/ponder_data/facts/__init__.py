"""Figures about scenes: one scene's, and those of a folder."""
