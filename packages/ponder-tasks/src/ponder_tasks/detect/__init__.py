"""Detection of oriented boxes by voting on top of an encoder: VoteNet (Qi et al., ICCV 2019)."""
