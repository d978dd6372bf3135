"""Furniture and fixtures: one file per family, each function draws one piece in one of its styles."""
