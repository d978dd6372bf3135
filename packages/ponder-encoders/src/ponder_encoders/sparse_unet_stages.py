"""What a SparseUNet is made of: stem, residual blocks, and the stages on the way down and up."""

import torch
from torch import nn

from ponder_encoders.condition_norm import NormKind, normalised, normalised_and_rectified
from ponder_encoders.conditions import SceneConditions
from ponder_encoders.sparse.convolution import InverseConv3d, StridedConv3d, SubmanifoldConv3d
from ponder_encoders.sparse.tensor import SparseTensor


class ResidualBlock(nn.Module):
    """Two submanifold convolutions around a shortcut, which a linear layer fits where channels change."""

    def __init__(
        self, inputs: int, outputs: int, norms: NormKind, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.convolution1 = SubmanifoldConv3d(inputs, outputs, generator=generator)
        self.norm1 = norms.build(outputs, generator)
        self.convolution2 = SubmanifoldConv3d(outputs, outputs, generator=generator)
        self.norm2 = norms.build(outputs, generator)
        self.shortcut = None
        self.shortcut_norm = None
        if inputs != outputs:
            self.shortcut = SubmanifoldConv3d(inputs, outputs, kernel_size=1, generator=generator)
            self.shortcut_norm = norms.build(outputs, generator)

    def forward(self, tensor: SparseTensor, conditions: SceneConditions | None = None) -> SparseTensor:
        """``relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))``."""
        inner = normalised_and_rectified(self.norm1, self.convolution1(tensor), conditions)
        inner = self.convolution2(inner)
        shortcut = tensor.features
        if self.shortcut is not None and self.shortcut_norm is not None:
            shortcut = normalised(self.shortcut_norm, self.shortcut(tensor), conditions)
        return tensor.with_features(torch.relu_(normalised(self.norm2, inner, conditions) + shortcut))


class ResidualBlocks(nn.ModuleList):
    """Residual blocks one after the other; the first may change the number of channels."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        count: int,
        norms: NormKind,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(
            ResidualBlock(inputs if i == 0 else outputs, outputs, norms, generator) for i in range(count)
        )

    def forward(self, tensor: SparseTensor, conditions: SceneConditions | None = None) -> SparseTensor:
        """Through every block; the cells stay."""
        for block in self:
            tensor = block(tensor, conditions)
        return tensor


class Stem(nn.Module):
    """First convolution of the network, at full resolution, kernel 5."""

    def __init__(
        self, inputs: int, outputs: int, norms: NormKind, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.convolution = SubmanifoldConv3d(inputs, outputs, kernel_size=5, generator=generator)
        self.norm = norms.build(outputs, generator)

    def forward(self, tensor: SparseTensor, conditions: SceneConditions | None = None) -> SparseTensor:
        """Convolve, normalise, rectify."""
        return normalised_and_rectified(self.norm, self.convolution(tensor), conditions)


class EncoderStage(nn.Module):
    """Halve the resolution, then residual blocks."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        layers: int,
        norms: NormKind,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.down = StridedConv3d(inputs, outputs, generator=generator)
        self.norm = norms.build(outputs, generator)
        self.blocks = ResidualBlocks(outputs, outputs, layers, norms, generator)

    def forward(self, tensor: SparseTensor, conditions: SceneConditions | None = None) -> SparseTensor:
        """From one resolution to the next coarser one."""
        tensor = normalised_and_rectified(self.norm, self.down(tensor), conditions)
        return self.blocks(tensor, conditions)


class DecoderStage(nn.Module):
    """Back to the finer cells, join what the encoder had there, then residual blocks."""

    def __init__(
        self,
        inputs: int,
        skipped: int,
        outputs: int,
        layers: int,
        norms: NormKind,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.up = InverseConv3d(inputs, outputs, generator=generator)
        self.norm = norms.build(outputs, generator)
        self.blocks = ResidualBlocks(outputs + skipped, outputs, layers, norms, generator)

    def forward(
        self, tensor: SparseTensor, skip: SparseTensor, conditions: SceneConditions | None = None
    ) -> SparseTensor:
        """From one resolution to the finer one of ``skip``."""
        tensor = normalised_and_rectified(self.norm, self.up(tensor, skip.cells), conditions)
        return self.blocks(
            tensor.with_features(torch.cat([tensor.features, skip.features], dim=1)), conditions
        )
