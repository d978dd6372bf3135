"""Procedural rooms: solids, materials, furniture, layout, light, cameras and depth sensors.

`ponder_data.datasets.synthetic_rooms` joins these into a data set.
"""
