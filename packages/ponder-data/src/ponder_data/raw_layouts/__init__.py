"""Synthetic worlds written in the raw layouts of public data sets, so that whatever reads those reads these."""
