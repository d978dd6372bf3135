"""SparseUNet: the sparse convolutional U-Net that PonderV2 pre-trains indoors (published as v1m1)."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator
from torch import Tensor, nn

from ponder_encoders.checkpoints import published_sizes, published_weights
from ponder_encoders.norms import PointBatchNorm, normalise_and_rectify
from ponder_encoders.point_batch import PointBatch
from ponder_encoders.sparse.backend import BackendName, check_backend, choose_backend
from ponder_encoders.sparse.convolution import InverseConv3d, StridedConv3d, SubmanifoldConv3d
from ponder_encoders.sparse.tensor import SparseTensor, order_cells


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


class ResidualBlock(nn.Module):
    """Two submanifold convolutions around a shortcut, which a linear layer fits where channels change."""

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.convolution1 = SubmanifoldConv3d(inputs, outputs, generator=generator)
        self.norm1 = PointBatchNorm(outputs)
        self.convolution2 = SubmanifoldConv3d(outputs, outputs, generator=generator)
        self.norm2 = PointBatchNorm(outputs)
        self.shortcut = None
        self.shortcut_norm = None
        if inputs != outputs:
            self.shortcut = SubmanifoldConv3d(inputs, outputs, kernel_size=1, generator=generator)
            self.shortcut_norm = PointBatchNorm(outputs)

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """``relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))``."""
        inner = self.convolution1(tensor)
        inner = inner.with_features(normalise_and_rectify(self.norm1, inner.features))
        inner = self.convolution2(inner)
        shortcut = tensor.features
        if self.shortcut is not None and self.shortcut_norm is not None:
            shortcut = self.shortcut_norm(self.shortcut(tensor).features)
        return tensor.with_features(torch.relu_(self.norm2(inner.features) + shortcut))


def _blocks(inputs: int, outputs: int, count: int, generator: torch.Generator | None) -> nn.Sequential:
    return nn.Sequential(
        *(ResidualBlock(inputs if i == 0 else outputs, outputs, generator) for i in range(count))
    )


class Stem(nn.Module):
    """First convolution of the network, at full resolution, kernel 5."""

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.convolution = SubmanifoldConv3d(inputs, outputs, kernel_size=5, generator=generator)
        self.norm = PointBatchNorm(outputs)

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Convolve, normalise, rectify."""
        tensor = self.convolution(tensor)
        return tensor.with_features(normalise_and_rectify(self.norm, tensor.features))


class EncoderStage(nn.Module):
    """Halve the resolution, then residual blocks."""

    def __init__(
        self, inputs: int, outputs: int, layers: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.down = StridedConv3d(inputs, outputs, generator=generator)
        self.norm = PointBatchNorm(outputs)
        self.blocks = _blocks(outputs, outputs, layers, generator)

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """From one resolution to the next coarser one."""
        tensor = self.down(tensor)
        return self.blocks(tensor.with_features(normalise_and_rectify(self.norm, tensor.features)))


class DecoderStage(nn.Module):
    """Back to the finer cells, join what the encoder had there, then residual blocks."""

    def __init__(
        self, inputs: int, skipped: int, outputs: int, layers: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.up = InverseConv3d(inputs, outputs, generator=generator)
        self.norm = PointBatchNorm(outputs)
        self.blocks = _blocks(outputs + skipped, outputs, layers, generator)

    def forward(self, tensor: SparseTensor, skip: SparseTensor) -> SparseTensor:
        """From one resolution to the finer one of ``skip``."""
        tensor = self.up(tensor, skip.cells)
        rectified = normalise_and_rectify(self.norm, tensor.features)
        return self.blocks(tensor.with_features(torch.cat([rectified, skip.features], dim=1)))


class SparseUNet(nn.Module):
    """Sparse convolutional U-Net over the occupied cells of packed scenes.

    Structure and numbers are those of the published model: kernel-5 stem, encoder stages that halve the
    resolution with kernel 2, decoder stages that invert it over the same cells and join the encoder's
    features. Scenes of one batch never mix, except through batch normalisation in training.

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
        self.stem = Stem(config.in_channels, config.base_channels, generator)
        encoder_channels = (config.base_channels, *config.channels[: config.stages])
        self.encoder = nn.ModuleList(
            EncoderStage(
                encoder_channels[stage], encoder_channels[stage + 1], config.layers[stage], generator
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
                generator,
            )
            for step in range(config.stages)
        )
        for module in self.modules():
            if isinstance(module, PointBatchNorm):
                module.momentum = config.norm_momentum
                module.renormalise = config.renormalise

    @property
    def out_channels(self) -> int:
        """Channels of each point's feature."""
        return self.config.channels[-1]

    def forward(self, batch: PointBatch) -> Float[Tensor, "points channels"]:
        """Encode every point.

        Args:
            batch: packed points, at most one in a cell, in any order.

        Returns:
            ``out_channels`` features for each point, in the order of the batch's rows. Gradients reach the
            batch's features and all parameters.

        Raises:
            ValueError: no points, several points in one cell, cells out of range, or the wrong number of
                channels.
        """
        if batch.features.shape[1] != self.config.in_channels:
            raise ValueError(
                f"this SparseUNet reads {self.config.in_channels} channels, "
                f"but features have {batch.features.shape[1]}"
            )
        order = order_cells(batch)
        tensor = SparseTensor(
            features=batch.features.index_select(0, order.order),
            cells=order.cells,
            backend=choose_backend(self.config.backend, batch.features.device),
        )
        return self.encode_decode(tensor).features.index_select(0, order.inverse)

    def encode_decode(self, tensor: SparseTensor) -> SparseTensor:
        """The network itself, on features already in the order of their cells."""
        tensor = self.stem(tensor)
        skips = []
        for stage in self.encoder:
            skips.append(tensor)
            tensor = stage(tensor)
        for stage in self.decoder:
            tensor = stage(tensor, skips.pop())
        return tensor

    @classmethod
    def from_published(
        cls, state_dict: Mapping[str, Tensor], *, backend: BackendName = "auto"
    ) -> "SparseUNet":
        """Build a network of the right sizes and load weights of the published v1m1 models.

        Args:
            state_dict: published names, with or without ``module.`` and ``backbone.`` before them. What
                such a file
                holds beside the encoder (renderer, projection, heads) is left out.
            backend: of the new network's config.

        Raises:
            ValueError: names that are unknown, missing, or of an impossible shape, all listed.
        """
        sizes = published_sizes(state_dict)
        config = SparseUNetConfig(
            in_channels=sizes.in_channels,
            base_channels=sizes.base_channels,
            channels=sizes.channels,
            layers=sizes.layers,
            backend=backend,
        )
        network = cls(config)
        network.load_state_dict(published_weights(state_dict, network.state_dict()))
        return network
