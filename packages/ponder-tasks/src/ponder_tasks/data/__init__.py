"""What ``ponder data`` does: the sources, pictures of a folder, its examination, and its preparation."""
