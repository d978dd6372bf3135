"""The one-page report of a run, readable offline."""
