"""The published SparseUNet: its numbers, its names, and files that are not it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from ponder_encoders import PointBatch, SparseUNet
from ponder_encoders.checkpoints import from_published_layout
from ponder_encoders.published_names import account_for_names, our_name
from ponder_encoders.sparse.backend import SparseBackend
from torch import Tensor


class Published(NamedTuple):
    state_dict: dict[str, Tensor]
    batch: PointBatch
    outputs: Tensor
    output_gradient: Tensor
    gradients: dict[str, Tensor]


@pytest.fixture
def published(parity_folder: Path) -> Published:
    with np.load(parity_folder / "spunet_v1m1_eval.npz") as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files if name != "meta_json"}
    return Published(
        state_dict={
            name.removeprefix("param/"): v for name, v in arrays.items() if name.startswith("param/")
        },
        batch=PointBatch(grid_coord=arrays["grid_coord"], features=arrays["feat"], offsets=arrays["offset"]),
        outputs=arrays["out"],
        output_gradient=arrays["grad_out"],
        gradients={name.removeprefix("grad/"): v for name, v in arrays.items() if name.startswith("grad/")},
    )


def small_state_dict() -> dict[str, Tensor]:
    """A published state dict of one stage, all names, without the file."""
    norm = {"weight": 4, "bias": 4, "running_mean": 4, "running_var": 4}
    state = {
        "conv_input.0.weight": torch.randn(4, 5, 5, 5, 3),
        "down.0.0.weight": torch.randn(4, 2, 2, 2, 4),
        "up.0.0.weight": torch.randn(4, 2, 2, 2, 4),
        "enc.0.block0.conv1.weight": torch.randn(4, 3, 3, 3, 4),
        "enc.0.block0.conv2.weight": torch.randn(4, 3, 3, 3, 4),
        "dec.0.block0.conv1.weight": torch.randn(4, 3, 3, 3, 8),
        "dec.0.block0.conv2.weight": torch.randn(4, 3, 3, 3, 4),
        "dec.0.block0.proj.0.weight": torch.randn(4, 1, 1, 1, 8),
    }
    norms = ["conv_input.1", "down.0.1", "up.0.1", "enc.0.block0.bn1", "enc.0.block0.bn2"]
    for place in [*norms, "dec.0.block0.bn1", "dec.0.block0.bn2", "dec.0.block0.proj.1"]:
        state |= {f"{place}.{name}": torch.rand(size) for name, size in norm.items()}
        state[f"{place}.num_batches_tracked"] = torch.tensor(7)
    return state


def assert_near(value: Tensor | None, reference: Tensor, relative: float, what: str) -> None:
    assert value is not None, what
    error = (value.double() - reference.double()).abs().max() / reference.double().abs().max()
    assert error.item() < relative, what


@pytest.mark.parametrize(("dtype", "relative"), [(torch.float32, 1e-5), (torch.float64, 4e-6)])
def test_outputs_and_gradients_are_the_published_ones(
    published: Published, backend: SparseBackend, dtype: torch.dtype, relative: float
) -> None:
    # The file itself was computed in float32, so float64 can only come as near as that.
    unet = SparseUNet.from_published(published.state_dict, backend=backend.name).to(dtype).eval()  # type: ignore[arg-type]
    features = published.batch.features.to(dtype).requires_grad_()
    batch = PointBatch(
        grid_coord=published.batch.grid_coord, features=features, offsets=published.batch.offsets
    )
    outputs = unet(batch)
    (outputs * published.output_gradient.to(dtype)).sum().backward()

    assert_near(outputs.detach(), published.outputs, relative, "outputs")
    assert_near(features.grad, published.gradients.pop("feat"), relative, "features")
    parameters = dict(unet.named_parameters())
    for name, gradient in published.gradients.items():
        parameter = parameters.pop(our_name(name, unet.config.stages))
        assert_near(parameter.grad, from_published_layout(name, gradient), relative, name)
    assert not parameters


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "module.backbone."])
def test_prefixes_are_stripped(prefix: str) -> None:
    state = small_state_dict()
    unet = SparseUNet.from_published({prefix + name: value for name, value in state.items()})
    others = {"backend", "norm_momentum", "renormalise", "conditions", "context_channels", "hypercolumns"}
    assert unet.config.model_dump(exclude=others) == {
        "in_channels": 3,
        "base_channels": 4,
        "channels": (4, 4),
        "layers": (1, 1),
    }
    assert torch.equal(unet.stem.norm.running_mean, state["conv_input.1.running_mean"])  # type: ignore[arg-type]


def test_kernels_are_laid_out_as_ours() -> None:
    kernel = torch.arange(2 * 27 * 3).float().view(2, 3, 3, 3, 3)
    ours = from_published_layout("enc.0.block0.conv1.weight", kernel)
    assert torch.equal(ours[1 * 9 + 2 * 3 + 0], kernel[:, 1, 2, 0, :].t())
    flat = torch.arange(6.0).view(2, 1, 1, 1, 3)
    assert torch.equal(from_published_layout("dec.0.block0.proj.0.weight", flat), flat.reshape(1, 3, 2))


def test_what_lies_beside_the_encoder_is_left_out() -> None:
    state = {f"backbone.{name}": value for name, value in small_state_dict().items()}
    beside = {
        "backbone.final.weight": torch.zeros(2, 1, 1, 1, 4),
        "proj_net.final_conv.bias": torch.zeros(1),
        "renderer.field.rgb_decoder.lin0.bias": torch.zeros(3),
        "logit_scale": torch.zeros(()),
    }
    names = account_for_names({**state, **beside})
    assert set(names.beside.values()) == set(beside)
    assert not names.unknown
    assert SparseUNet.from_published({**state, **beside}).out_channels == 4


def test_unknown_names_are_listed() -> None:
    state = {
        **small_state_dict(),
        "enc.0.block0.attention.weight": torch.zeros(1),
        "head.bias": torch.zeros(1),
    }
    with pytest.raises(
        ValueError, match=r"2 names are not .*: enc\.0\.block0\.attention\.weight, head\.bias"
    ):
        SparseUNet.from_published(state)


@pytest.mark.parametrize(
    "name", ["conv_input.0.weight", "up.0.0.weight", "enc.0.block0.conv1.weight", "down.0.0.weight"]
)
def test_a_missing_telling_name_is_listed(name: str) -> None:
    state = small_state_dict()
    del state[name]
    with pytest.raises(ValueError, match=f"not a whole published SparseUNet.*{name} missing"):
        SparseUNet.from_published(state)


def test_other_missing_names_and_wrong_shapes_are_listed() -> None:
    state = small_state_dict()
    del state["up.0.1.bias"]
    state["down.0.1.weight"] = torch.zeros(9)
    expected = (
        r"2 names .*decoder\.0\.norm\.bias \(missing\), encoder\.0\.norm\.weight \(shape \(9,\), not \(4,\)\)"
    )
    with pytest.raises(ValueError, match=expected):
        SparseUNet.from_published(state)


def test_another_kind_of_file_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"2 names are not of a published SparseUNet \(v1m1 or v1m3\): fc\.weight, fc\.bias"
    ):
        SparseUNet.from_published({"fc.weight": torch.zeros(1), "fc.bias": torch.zeros(1)})
    with pytest.raises(ValueError, match="not a whole published SparseUNet"):
        SparseUNet.from_published({})


def test_loading_draws_nothing_from_the_generator_of_torch() -> None:
    state, before = small_state_dict(), torch.get_rng_state()
    SparseUNet.from_published(state)
    assert torch.equal(torch.get_rng_state(), before)
