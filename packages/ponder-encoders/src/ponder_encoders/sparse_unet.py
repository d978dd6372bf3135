"""SparseUNet: the sparse convolutional U-Net that PonderV2 pre-trains indoors (published as v1m1, with PPT as v1m3)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator
from torch import Tensor, nn

from ponder_encoders.checkpoints import PublishedConditions, PublishedSizes, published_encoder
from ponder_encoders.condition_norm import NormKind
from ponder_encoders.conditions import SceneConditions, condition_indices
from ponder_encoders.norms import PointBatchNorm
from ponder_encoders.point_batch import PointBatch
from ponder_encoders.published_file import read_published
from ponder_encoders.sparse.backend import BackendName, check_backend, choose_backend
from ponder_encoders.sparse.tensor import CellOrder, SparseTensor, order_cells
from ponder_encoders.sparse_unet_in_place import encode_decode_in_place, runs_in_place
from ponder_encoders.sparse_unet_stages import DecoderStage, EncoderStage, Stem


class SparseUNetConfig(BaseModel):
    """Sizes of a :class:`SparseUNet`. The defaults are the published model, 39 million parameters.

    ``channels`` and ``layers`` list the stages down and then up again, so both have an even length: with S
    stages, ``channels[:S]`` are the encoder's, from fine to coarse, and ``channels[S:]`` the decoder's,
    from coarse to fine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_channels: PositiveInt = Field(default=6, description="channels of PointBatch.features")
    base_channels: PositiveInt = Field(default=32, description="channels of the stem, at full resolution")
    channels: tuple[PositiveInt, ...] = Field(
        default=(32, 64, 128, 256, 256, 128, 96, 96), description="of each stage"
    )
    layers: tuple[PositiveInt, ...] = Field(
        default=(2, 3, 4, 6, 2, 2, 2, 2), description="residual blocks of each stage"
    )
    conditions: tuple[str, ...] = Field(
        default=(),
        description="datasets with norms of their own (PPT); empty for the same norms whatever the data",
    )
    context_channels: NonNegativeInt = Field(
        default=0,
        description="of a learned context of each condition that scales and shifts after the norms; 0 for none",
    )
    renormalise: bool = Field(
        default=False,
        description="batch renormalisation: wanted where a batch holds few scenes, see PointBatchNorm",
    )
    norm_momentum: float = Field(
        default=0.01,
        gt=0,
        le=1,
        description="share of each batch in the running statistics; short runs want more than 0.01",
    )
    hypercolumns: bool = Field(
        default=False,
        description="a point's features are what all decoder stages found at it, from coarse to fine, instead of what "
        "the last one found",
    )
    backend: BackendName = Field(
        default="auto", description="what computes sparse convolutions; see available_backends()"
    )

    @model_validator(mode="after")
    def _check_stages(self) -> "SparseUNetConfig":
        stages = len(self.channels)
        if stages == 0 or stages % 2 or len(self.layers) != stages:
            raise ValueError(
                "channels and layers must have the same even length (stages down, then stages up), "
                f"but have {stages} and {len(self.layers)} entries"
            )
        if len(set(self.conditions)) < len(self.conditions):
            raise ValueError(f"conditions must differ from each other, but are {', '.join(self.conditions)}")
        if self.context_channels and not self.conditions:
            raise ValueError(
                f"context_channels is {self.context_channels}, but there are no conditions to have a context: "
                "name them in conditions, or set context_channels to 0"
            )
        return self

    @property
    def stages(self) -> int:
        """Number of times the resolution is halved."""
        return len(self.channels) // 2

    @classmethod
    def full(cls, in_channels: int = 6, backend: BackendName = "auto") -> "SparseUNetConfig":
        """The published size: 39 million parameters."""
        return cls(in_channels=in_channels, backend=backend)

    @classmethod
    def base(cls, in_channels: int = 6, backend: BackendName = "auto") -> "SparseUNetConfig":
        """The published widths up to 128 channels, fewer blocks."""
        return cls(
            in_channels=in_channels,
            channels=(32, 64, 96, 128, 128, 96, 64, 64),
            layers=(1, 2, 2, 2, 1, 1, 1, 1),
            backend=backend,
        )

    @classmethod
    def small(cls, in_channels: int = 6, backend: BackendName = "auto") -> "SparseUNetConfig":
        """One block a stage, at most 96 channels: trains on two CPU cores in minutes."""
        return cls(
            in_channels=in_channels,
            channels=(32, 48, 64, 96, 96, 64, 48, 48),
            layers=(1, 1, 1, 1, 1, 1, 1, 1),
            backend=backend,
        )

    @classmethod
    def tiny(cls, in_channels: int = 6, backend: BackendName = "auto") -> "SparseUNetConfig":
        """Three stages of at most 48 channels: for tests and first tries."""
        return cls(
            in_channels=in_channels,
            base_channels=16,
            channels=(16, 32, 48, 48, 32, 32),
            layers=(1, 1, 1, 1, 1, 1),
            backend=backend,
        )

    @classmethod
    def of_published(cls, sizes: PublishedSizes, backend: BackendName = "auto") -> "SparseUNetConfig":
        """The sizes of a published file's encoder."""
        return cls(
            in_channels=sizes.in_channels,
            base_channels=sizes.base_channels,
            channels=sizes.channels,
            layers=sizes.layers,
            conditions=sizes.conditions,
            context_channels=sizes.context_channels,
            backend=backend,
        )


class SparseUNet(nn.Module):
    """Sparse convolutional U-Net over the occupied cells of packed scenes.

    Structure and numbers are those of the published model: kernel-5 stem, encoder stages that halve the
    resolution with kernel 2, decoder stages that invert it over the same cells and join the encoder's
    features. Scenes of one batch never mix, except through batch normalisation in training.

    With ``config.conditions``, every norm is one for each of these datasets, and each scene is normalised by its
    own dataset's: see :class:`~ponder_encoders.condition_norm.ConditionNorm`. With ``config.context_channels``
    there is a learned context of each, ``context_table``, which adapts them.

    With ``config.hypercolumns`` (Hariharan et al., 2015) nothing is added to the network; more of it is given out.

    Args:
        config: the sizes.
        generator: source of the initial weights; PyTorch's default where not given.

    Raises:
        ValueError: the configured backend is not installed.
    """

    def __init__(
        self, config: SparseUNetConfig | None = None, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        config = config if config is not None else SparseUNetConfig()
        check_backend(config.backend)
        self.config = config
        norms = NormKind(conditions=len(config.conditions), context_channels=config.context_channels)
        self.stem = Stem(config.in_channels, config.base_channels, norms, generator)
        encoder_channels = (config.base_channels, *config.channels[: config.stages])
        self.encoder = nn.ModuleList(
            EncoderStage(
                encoder_channels[stage], encoder_channels[stage + 1], config.layers[stage], norms, generator
            )
            for stage in range(config.stages)
        )
        # The decoder runs from the coarsest stage to the finest, as its channels are listed.
        decoder_channels = (config.channels[config.stages - 1], *config.channels[config.stages :])
        self.decoder = nn.ModuleList(
            DecoderStage(
                decoder_channels[step],
                encoder_channels[config.stages - 1 - step],
                decoder_channels[step + 1],
                config.layers[config.stages + step],
                norms,
                generator,
            )
            for step in range(config.stages)
        )
        for module in self.modules():
            if isinstance(module, PointBatchNorm):
                module.momentum = config.norm_momentum
                module.renormalise = config.renormalise
        self.context_table = None
        if config.context_channels:
            table = torch.randn(len(config.conditions), config.context_channels, generator=generator)
            self.context_table = nn.Parameter(table)

    @property
    def out_channels(self) -> int:
        """Channels of each point's feature."""
        decoder = self.config.channels[self.config.stages :]
        return sum(decoder) if self.config.hypercolumns else decoder[-1]

    def forward(
        self, batch: PointBatch, condition: str | Sequence[str] | None = None
    ) -> Float[Tensor, "points channels"]:
        """Encode every point.

        Args:
            batch: packed points, at most one in a cell, in any order.
            condition: the dataset that all scenes come from, or one for each scene: whose norms to use. A
                network without conditions treats every dataset alike and does not read it.

        Returns:
            ``out_channels`` features for each point, in the order of the batch's rows. Gradients reach the
            batch's features and all parameters, but those of the norms of conditions that no point has.

        Raises:
            ValueError: no points, several points in one cell, cells out of range, or the wrong number of
                channels; a condition is missing or unknown.
        """
        order = order_cells(batch)
        tensor, conditions = self._inputs(batch, order, condition)
        return self.encode_decode(tensor, conditions).features.index_select(0, order.inverse)

    def stage_features(
        self, batch: PointBatch, condition: str | Sequence[str] | None = None
    ) -> tuple[SparseTensor, ...]:
        """Encode every point and keep what each stage found.

        Returns:
            Features after the stem, after each encoder stage (from fine to coarse), and after each decoder stage
            (back to fine; the last are those of ``forward``). Rows are cells in the order of their keys:
            ``stage.cells.scene_and_coordinates()`` says which. Cells double in size with every encoder stage.

        Raises:
            ValueError: as ``forward``.
        """
        return tuple(self.stages(*self._inputs(batch, order_cells(batch), condition)))

    def encode_decode(self, tensor: SparseTensor, conditions: SceneConditions | None = None) -> SparseTensor:
        """The network itself, on features already in the order of their cells."""
        if self.config.hypercolumns:
            return hypercolumns(list(self.stages(tensor, conditions))[-self.config.stages :])
        if runs_in_place(self, tensor, conditions):
            return encode_decode_in_place(self, tensor, conditions)
        for stage in self.stages(tensor, conditions):
            tensor = stage
        return tensor

    def stages(
        self, tensor: SparseTensor, conditions: SceneConditions | None = None
    ) -> Iterator[SparseTensor]:
        """What comes out of the stem, of each encoder stage and of each decoder stage, in turn."""
        tensor = self.stem(tensor, conditions)
        yield tensor
        skips = []
        for stage in self.encoder:
            skips.append(tensor)
            tensor = stage(tensor, conditions)
            yield tensor
        for stage in self.decoder:
            tensor = stage(tensor, skips.pop(), conditions)
            yield tensor

    def _inputs(
        self, batch: PointBatch, order: CellOrder, condition: str | Sequence[str] | None
    ) -> tuple[SparseTensor, SceneConditions | None]:
        if batch.features.shape[1] != self.config.in_channels:
            raise ValueError(
                f"this SparseUNet reads {self.config.in_channels} channels, "
                f"but features have {batch.features.shape[1]}"
            )
        tensor = SparseTensor(
            features=batch.features.index_select(0, order.order),
            cells=order.cells,
            backend=choose_backend(self.config.backend, batch.features.device),
        )
        return tensor, self._conditions(condition, batch.offsets.shape[0])

    def _conditions(self, condition: str | Sequence[str] | None, scenes: int) -> SceneConditions | None:
        if not self.config.conditions:
            return None
        return SceneConditions(
            scenes=condition_indices(self.config.conditions, condition, scenes),
            context=self.contexts(),
        )

    def contexts(self) -> Float[Tensor, "conditions context"] | None:
        """What the norms' linear layers read of each condition, ``SiLU(context_table)``; ``None`` without contexts."""
        return None if self.context_table is None else F.silu(self.context_table)

    @classmethod
    def from_published(
        cls,
        state_dict: Mapping[str, Tensor] | Path | str,
        *,
        backend: BackendName = "auto",
        conditions: PublishedConditions | None = None,
    ) -> "SparseUNet":
        """Build a network of the right sizes and load weights of the published models, v1m1 or v1m3 (PPT).

        Args:
            state_dict: published names, or the file that holds them, which is read without unpickling. Names may
                begin with ``module.`` and ``backbone.``. What lies beside the encoder (renderer, projection,
                heads) is left out.
            backend: of the new network's config.
            conditions: which datasets a PPT model's norms and contexts belong to, which files do not say; by
                default as in every released model.

        Raises:
            ValueError: the file cannot be read; names that are unknown, missing, or of an impossible shape, all
                listed; another number of conditions.
        """
        if isinstance(state_dict, Path | str):
            state_dict = read_published(Path(state_dict))
        published = published_encoder(state_dict, conditions)
        # With a generator of its own, loading draws nothing from PyTorch's.
        network = cls(SparseUNetConfig.of_published(published.sizes, backend), generator=torch.Generator())
        published.load_into(network.state_dict(keep_vars=True))
        return network


def hypercolumns(stages: Sequence[SparseTensor]) -> SparseTensor:
    """The cells of the last stage with the features of all, each from the cell that a fine one lies in.

    Args:
        stages: from coarse to fine, each on cells of half the size of those before it.
    """
    coarse, *finer = stages
    for stage in finer:
        above = coarse.features.index_select(0, stage.cells.children().parent)
        coarse = stage.with_features(torch.cat([above, stage.features], dim=1))
    return coarse
