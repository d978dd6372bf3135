"""Feature volumes: packed points to cells (Eq. 2), refined (Eq. 3), and queried between them."""
