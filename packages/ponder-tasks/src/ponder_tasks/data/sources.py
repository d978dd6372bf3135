"""The sources of data, for programs that show them."""

from ponder_data.facts.catalogue import SOURCES, Source

__all__ = ["SOURCES", "Source"]
