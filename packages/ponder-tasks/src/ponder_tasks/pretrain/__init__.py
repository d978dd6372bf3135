"""Pre-training by rendering: encode, spread over a volume, render, compare with the real pixels."""
