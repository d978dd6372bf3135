"""The cache of prepared scenes: a folder of whole scenes that are read fast and can be trusted."""
