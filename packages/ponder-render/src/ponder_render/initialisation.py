"""Initial weights of the decoder's layers."""

from torch import nn


def initialise_rectified(module: nn.Module) -> None:
    """Draw the weights of all linear and convolutional layers by He et al. (2015), and set their biases to zero.

    Signals then keep their size through layers with rectifiers. PyTorch's own initialisation shrinks them to about
    half in every layer, so that over the five or six layers from a point's feature to a rendered colour hardly any hue
    is left at the start, and learning begins with shades of grey.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv3d | nn.ConvTranspose3d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
