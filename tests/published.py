"""Small random models under the names of the published ones: of two stages, plain (v1m1) or with PPT norms (v1m3)."""

import torch
from torch import Tensor

CONTEXT_CHANNELS = 5


def published_encoder(*, conditions: int = 0, in_channels: int = 6, seed: int = 0) -> dict[str, Tensor]:
    """An encoder's weights; with ``conditions``, PPT norms that a context adapts."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def kernel(name: str, size: int, inputs: int, outputs: int) -> None:
        shape = (outputs, size, size, size, inputs)
        state[name] = torch.randn(shape, generator=generator) * (2 / (size**3 * inputs)) ** 0.5

    def statistics(name: str, channels: int) -> None:
        for value in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.{value}"] = torch.rand(channels, generator=generator) * 0.2 + 0.5
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def norm(name: str, channels: int) -> None:
        for condition in range(conditions):
            statistics(f"{name}.bns.{condition}", channels)
        if conditions:
            shape = (2 * channels, CONTEXT_CHANNELS)
            state[f"{name}.modulation.1.weight"] = torch.randn(shape, generator=generator) * 0.2
            state[f"{name}.modulation.1.bias"] = torch.zeros(2 * channels)
        else:
            statistics(name, channels)

    def layer(name: str, size: int, inputs: int, outputs: int) -> None:
        kernel(f"{name}.conv.weight" if conditions else f"{name}.0.weight", size, inputs, outputs)
        norm(f"{name}.bn" if conditions else f"{name}.1", outputs)

    def block(name: str, inputs: int, outputs: int) -> None:
        for number, channels in (("1", inputs), ("2", outputs)):
            kernel(f"{name}.conv{number}.weight", 3, channels, outputs)
            norm(f"{name}.bn{number}", outputs)
        if inputs != outputs:
            kernel(f"{name}.proj_conv.weight" if conditions else f"{name}.proj.0.weight", 1, inputs, outputs)
            norm(f"{name}.proj_norm" if conditions else f"{name}.proj.1", outputs)

    layer("conv_input", 5, in_channels, 4)
    for stage, (inputs, outputs) in enumerate(((4, 6), (6, 8))):
        layer(f"down.{stage}", 2, inputs, outputs)
        block(f"enc.{stage}.block0", outputs, outputs)
    for stage, (inputs, skipped, outputs) in enumerate(((6, 4, 5), (8, 6, 6))):
        layer(f"up.{stage}", 2, inputs, outputs)
        block(f"dec.{stage}.block0", outputs + skipped, outputs)
    return state


def published_model(*, conditions: int = 0, in_channels: int = 6) -> dict[str, Tensor]:
    """A whole model as several GPUs would save it: an encoder among other parts."""
    encoder = published_encoder(conditions=conditions, in_channels=in_channels)
    model = {f"module.backbone.{name}": value for name, value in encoder.items()}
    if conditions:
        table = torch.randn(conditions, CONTEXT_CHANNELS, generator=torch.Generator().manual_seed(1))
        model["module.embedding_table.weight"] = table
    return {**model, "module.renderer.field.rgb_decoder.lin0.bias": torch.zeros(3)}
