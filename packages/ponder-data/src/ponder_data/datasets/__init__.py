"""Readers and generators of scenes, one file per source."""
