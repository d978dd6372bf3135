"""The networks that read a volume: SDF, colour and semantics (Eq. 4, 5, 9)."""
