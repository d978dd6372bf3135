"""What is measured: segmentation and rendering of held-out views."""
