"""What is measured: segmentation, instances, boxes, and rendering of held-out views."""
