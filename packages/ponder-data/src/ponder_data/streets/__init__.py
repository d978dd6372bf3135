"""Synthetic streets: seeded worlds seen by a vehicle's LiDAR and six cameras; see `ponder_data.datasets`."""
