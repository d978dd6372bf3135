"""The evidence: many runs after one plan, from scratch against pre-trained, as one table and one page."""
