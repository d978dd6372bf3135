"""Sparse convolution: sparse tensors, their rulebooks, layers, and the backends that compute them."""
