"""The decoder: what it says of a place, from where that is and the volume's feature there."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ponder_tasks.reconstruct.config import DecoderConfig


class ResidualBlock(nn.Module):
    """``h + W_1 relu(W_0 relu(h))``; it starts as the identity, for ``W_1`` starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, hidden: Float[Tensor, "places width"]) -> Float[Tensor, "places width"]:
        """Return ``hidden`` with something added to it."""
        return hidden + self.second(torch.relu(self.first(torch.relu(hidden))))


class FieldDecoder(nn.Module):
    """Residual blocks over a place's position, each conditioned on its feature (Peng et al. 2020).

    ``h_0 = P p``, ``h_{i+1} = block_i(h_i + C_i f)``, and the value is linear in ``relu(h_n)``.
    """

    def __init__(self, config: DecoderConfig, channels: int) -> None:
        super().__init__()
        width = config.hidden
        self.position = nn.Linear(3, width)
        self.condition = nn.ModuleList(nn.Linear(channels, width) for _ in range(config.blocks))
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(config.blocks))
        self.value = nn.Linear(width, 1)

    def forward(
        self, position: Float[Tensor, "places 3"], feature: Float[Tensor, "places channels"]
    ) -> Float[Tensor, " places"]:
        """Return one value for each place."""
        hidden = self.position(position)
        for condition, block in zip(self.condition, self.blocks, strict=True):
            hidden = block(hidden + condition(feature))
        return self.value(torch.relu(hidden))[:, 0]
