"""Neighbours among packed points on any device, in bounded memory: nearest, within a ball, farthest points.

All three search scene by scene and in chunks of queries, so that memory grows with the number of points, never
with its square. Rows that they return count over the whole batch. They compute in float32 (float64 where the
points are that), also under autocast, and no gradient passes through them: an index has none.
"""

from ponder_encoders.neighbours.ball_query import points_in_balls
from ponder_encoders.neighbours.farthest_points import farthest_points
from ponder_encoders.neighbours.nearest import Neighbours, nearest_neighbours

__all__ = ["Neighbours", "farthest_points", "nearest_neighbours", "points_in_balls"]
