"""The doctor of data: one file per kind of check, each a pure function that gives findings."""
