"""Text: class names become one embedding each, by a language model on this machine or from a user's file.

What comes out is data: ``ClassTable.embeddings`` is the ``class_table`` of a renderer's semantic losses.
"""

from ponder_encoders.text.class_table import ClassTable, TextSource, average_prompts
from ponder_encoders.text.config import TextConfig, build_class_table
from ponder_encoders.text.minilm_source import MiniLMConfig
from ponder_encoders.text.npz_source import NpzConfig, read_npz, write_npz
from ponder_encoders.text.open_clip_source import OpenClipConfig
from ponder_encoders.text.prompts import INDOOR_TEMPLATES, OUTDOOR_TEMPLATES

__all__ = [
    "INDOOR_TEMPLATES",
    "OUTDOOR_TEMPLATES",
    "ClassTable",
    "MiniLMConfig",
    "NpzConfig",
    "OpenClipConfig",
    "TextConfig",
    "TextSource",
    "average_prompts",
    "build_class_table",
    "read_npz",
    "write_npz",
]
