"""SparseUNet without gradients: the same features as with them, and no more memory than promised."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from ponder_encoders import PointBatch, SparseUNet, SparseUNetConfig
from ponder_encoders.sparse import backend_torch, torch_columns
from ponder_encoders.sparse.backend_torch import TorchBackend
from ponder_encoders.sparse.tensor import SparseTensor, order_cells
from ponder_encoders.sparse_unet_in_place import runs_in_place
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MakeBatch = Callable[..., PointBatch]


class LiveBytes(TorchDispatchMode):
    """Bytes of the tensors made inside that are alive, and the most there were at once."""

    def __init__(self, known: Sequence[Tensor]) -> None:
        super().__init__()
        self._seen = {tensor.untyped_storage()._cdata for tensor in known}
        self.live = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._seen:
            self._seen.add(key)
            self.live += size
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.live -= size


def make_unet(channels: tuple[int, ...], seed: int = 0, **changes: Any) -> SparseUNet:
    config = {"in_channels": 4, "base_channels": 16, "layers": (1, 2, 1, 2), "backend": "torch"}
    unet = SparseUNet(
        SparseUNetConfig.model_validate(config | {"channels": channels} | changes),
        generator=torch.Generator().manual_seed(seed),
    )
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in unet.state_dict().items():
        if tensor.is_floating_point() and ("norm" in name or "context" in name):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.4 + 0.5)
    return unet.eval()


def cells_of(batch: PointBatch) -> SparseTensor:
    order = order_cells(batch)
    return SparseTensor(features=batch.features[order.order], cells=order.cells, backend=TorchBackend())


def was_run_in_place(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    runs: list[bool] = []

    def remember(*arguments: Any) -> bool:
        runs.append(runs_in_place(*arguments))
        return runs[-1]

    monkeypatch.setattr("ponder_encoders.sparse_unet.runs_in_place", remember)
    return runs


# Narrow layers go by columns, wide ones by pairs.
@pytest.mark.parametrize("channels", [(8, 12, 12, 10), (48, 40, 44, 48)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_features_are_those_of_the_pass_with_gradients(
    make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch, channels: tuple[int, ...], dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch_columns, "_CHUNK_BYTES_CPU", 1 << 14)
    runs = was_run_in_place(monkeypatch)
    unet, tensor = make_unet(channels).to(dtype), cells_of(make_batch((300, 0, 200), extent=9))
    tensor = tensor.with_features(tensor.features.to(dtype))
    before = tensor.features.clone()
    expected = unet.encode_decode(tensor).features.detach()
    with torch.no_grad():
        result = unet.encode_decode(tensor).features
    assert runs == [False, True]
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    assert float((result - expected).abs().max() / expected.abs().max()) < tolerance
    assert torch.equal(tensor.features, before)


@pytest.mark.parametrize("context_channels", [0, 6])
def test_conditions_too_where_all_scenes_have_the_same(
    make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch, context_channels: int
) -> None:
    runs = was_run_in_place(monkeypatch)
    unet = make_unet((8, 12, 12, 10), conditions=("A", "B"), context_channels=context_channels)
    batch = make_batch()
    for condition, in_place in (("B", True), (("A", "B"), False)):
        expected = unet(batch, condition)
        with torch.no_grad():
            result = unet(batch, condition)
        assert float((result - expected.detach()).abs().max() / expected.detach().abs().max()) < 1e-5
        assert runs[-2:] == [False, in_place]


def test_training_and_autocast_go_the_ordinary_way(
    make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, unet, batch = was_run_in_place(monkeypatch), make_unet((8, 12, 12, 10)), make_batch()
    with torch.no_grad():
        unet.train()(batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            unet.eval()(batch)
    assert runs == [False, False]


def most_alive(unet: SparseUNet, batch: PointBatch) -> tuple[int, int]:
    """Bytes alive at most in a forward pass, rulebooks built on the way, and those of the rulebooks."""
    known = [*unet.parameters(), *unet.buffers(), batch.features, batch.grid_coord, batch.offsets]
    with torch.no_grad(), LiveBytes(known) as left:
        tensor = cells_of(batch)
        unet.encode_decode(tensor)
    with torch.no_grad(), LiveBytes(known) as counter:
        unet(batch)
    return counter.peak, left.live


@pytest.mark.parametrize("wide", [False, True])
def test_no_more_is_alive_than_rulebooks_skips_and_two_activations(
    monkeypatch: pytest.MonkeyPatch, wide: bool
) -> None:
    # Small buffers and kernels, since the cells are few; by pairs all the same where asked for.
    buffer = 1 << 14
    monkeypatch.setattr(torch_columns, "_CHUNK_BYTES_CPU", buffer)
    monkeypatch.setattr(torch_columns, "_FEWEST_ROWS", 8)
    monkeypatch.setattr(backend_torch, "_WIDE", 1 if wide else 1 << 20)
    generator = torch.Generator().manual_seed(0)
    grid_coord = (torch.rand(26, 26, 26, generator=generator) < 0.3).nonzero()
    count = len(grid_coord)
    batch = PointBatch(grid_coord=grid_coord, features=torch.randn(count, 4), offsets=torch.tensor([count]))
    unet = make_unet((16, 16, 16, 16), base_channels=8, layers=(1, 1, 1, 2))
    fine = order_cells(batch).cells
    half = fine.coarser()
    ordered = batch.features.nbytes
    skips = 4 * (len(fine) * 8 + len(half) * 16)
    largest = 4 * len(fine) * 16
    kernel = max(parameter.nbytes for parameter in unet.parameters())
    # A kernel with its norm folded in, the half of it for one part, and the buffers of a layer.
    slack = 2 * kernel + 4 * buffer
    assert slack < 0.6 * largest
    peak, rulebooks = most_alive(unet, batch)
    assert peak < rulebooks + ordered + skips + 2 * largest + slack
    monkeypatch.setattr("ponder_encoders.sparse_unet.runs_in_place", lambda *_: False)
    assert most_alive(unet, batch)[0] > rulebooks + ordered + skips + 2 * largest + slack
