"""The field at many samples, forward and backward by hand, in bounded memory."""
