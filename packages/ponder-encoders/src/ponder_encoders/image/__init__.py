"""Images to features, and features of images to volumes (Eq. 10)."""
