"""The command ``ponder``: pre-train, fine-tune, evaluate and encode.

Nothing is learned or computed here: commands read what a person typed, call ``ponder_tasks`` and show what
came of it. See README.md.
"""
