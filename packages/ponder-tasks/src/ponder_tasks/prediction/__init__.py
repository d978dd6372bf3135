"""Using a trained run: what its model says of a scene that nobody has labelled."""
