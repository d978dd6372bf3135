"""Upright oriented boxes: corners, intersections over unions, and the suppression of doubles, on any device.

A box is a centre (m), full sizes (m, the first along the heading) and a heading (rad, about +Z), as
``ponder_data.scene.Boxes`` has it. All functions are pure, batched, and give finite gradients.
"""
