"""Instance segmentation in the manner of PointGroup (Jiang et al., CVPR 2020) on top of an encoder."""
