"""Solids whose surface and inside are known: what surface reconstruction learns from and is judged by."""
