"""The score of a proposal: a small SparseUNet that sees nothing but the proposal's points and their features."""

import torch
from jaxtyping import Float, Int
from ponder_encoders import PointBatch, SparseUNet, SparseUNetConfig
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from ponder_tasks.instances.point_instances import PointInstances


class ScorerConfig(BaseModel):
    """Sizes of the scorer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: PositiveFloat = Field(default=0.02, description="side of the scorer's cells, metres")
    most_cells: PositiveInt = Field(
        default=14, description="along an axis; the cells of larger proposals grow to fit"
    )
    channels: PositiveInt = Field(
        default=16, description="of the fine stage; the coarse ones have twice as many"
    )


class ProposalScorer(nn.Module):
    """ScoreNet: proposals on grids of their own, a U-Net over each, the greatest of each channel, a linear layer.

    Args:
        in_channels: of the points' features.
        config: sizes.
        like: the encoder's configuration, whose norms and backend the U-Net shares.
    """

    def __init__(self, in_channels: int, config: ScorerConfig, like: SparseUNetConfig) -> None:
        super().__init__()
        width = config.channels
        self.config = config
        self.network = SparseUNet(
            SparseUNetConfig(
                in_channels=in_channels,
                base_channels=width,
                channels=(width, 2 * width, 2 * width, width),
                layers=(1, 1, 1, 1),
                renormalise=like.renormalise,
                norm_momentum=like.norm_momentum,
                backend=like.backend,
            )
        )
        self.head = nn.Linear(width, 1)

    def forward(
        self,
        features: Float[Tensor, "points channels"],
        coord: Float[Tensor, "points 3"],
        proposals: PointInstances,
    ) -> Float[Tensor, " proposals"]:
        """Return the logit of each proposal's score; gradients reach the parameters and ``features``.

        Raises:
            ValueError: when there is no proposal.
        """
        if len(proposals) == 0:
            raise ValueError("the scorer was given no proposal; do not call it without any")
        owner, point = proposals.owner().to(coord.device), proposals.point.to(coord.device)
        batch, cell_owner = proposal_cells(features[point], coord[point], owner, len(proposals), self.config)
        encoded = self.network(batch).float()
        greatest = encoded.new_full((len(proposals), encoded.shape[1]), -torch.inf)
        greatest = greatest.scatter_reduce(0, cell_owner[:, None].expand_as(encoded), encoded, "amax")
        return self.head(greatest).squeeze(1)


def proposal_cells(
    features: Float[Tensor, "members channels"],
    coord: Float[Tensor, "members 3"],
    owner: Int[Tensor, " members"],
    proposals: int,
    config: ScorerConfig,
) -> tuple[PointBatch, Int[Tensor, " cells"]]:
    """Return every proposal as a scene of its own, features averaged in its cells, and each cell's proposal.

    Cells have ``config.cell`` metres, or a part in ``most_cells`` of the proposal's longest side where that is more.
    """
    index = owner[:, None].expand(-1, 3)
    low = coord.new_zeros(proposals, 3).scatter_reduce(0, index, coord, "amin", include_self=False)
    high = coord.new_zeros(proposals, 3).scatter_reduce(0, index, coord, "amax", include_self=False)
    side = ((high - low).amax(dim=1) / config.most_cells).clamp(min=config.cell)
    place = torch.floor((coord - low[owner]) / side[owner, None]).long().clamp(max=config.most_cells - 1)
    keys = torch.cat([owner[:, None], place], dim=1)
    cells, inverse, count = torch.unique(keys, dim=0, return_inverse=True, return_counts=True)
    sums = features.new_zeros(len(cells), features.shape[1]).index_add(0, inverse, features)
    batch = PointBatch(
        grid_coord=cells[:, 1:],
        features=sums / count[:, None],
        offsets=torch.bincount(cells[:, 0], minlength=proposals).cumsum(0),
    )
    return batch, cells[:, 0]
