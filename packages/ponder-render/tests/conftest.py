from collections.abc import Callable, Iterator

import pytest
import torch
from ponder_render import Bounds, FeatureVolume, RayBundle


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """These tensors are tiny: more threads only wait for each other, the more so on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make_volume() -> Callable[..., FeatureVolume]:
    """Random volumes in boxes whose sides and cells differ in every axis."""

    def make(
        channels: int = 4,
        shape: tuple[int, int, int] = (5, 4, 3),
        batch: int = 2,
        dtype: torch.dtype = torch.float64,
        seed: int = 0,
    ) -> FeatureVolume:
        generator = torch.Generator().manual_seed(seed)
        cells = batch * shape[0] * shape[1] * shape[2]
        lower = torch.rand(batch, 3, generator=generator, dtype=dtype) - 2
        size = torch.tensor([3.0, 2.0, 1.5], dtype=dtype) + torch.rand(
            batch, 3, generator=generator, dtype=dtype
        )
        return FeatureVolume(
            table=torch.randn(cells, channels, generator=generator, dtype=dtype),
            shape=shape,
            bounds=Bounds(lower=lower, upper=lower + size),
            count=torch.ones(batch, *shape, dtype=torch.long),
        )

    return make


@pytest.fixture
def make_rays() -> Callable[..., RayBundle]:
    """Rays from around the volumes' centres and from outside them, in random directions."""

    def make(volume: FeatureVolume, count: int = 12, seed: int = 0) -> RayBundle:
        generator = torch.Generator().manual_seed(seed)
        like = volume.bounds.lower
        index = torch.arange(count) % len(volume.bounds)
        unit = torch.rand(count, 3, generator=generator, dtype=like.dtype)
        origin = like[index] + (1.6 * unit - 0.3) * volume.bounds.size[index]
        direction = torch.randn(count, 3, generator=generator, dtype=like.dtype)
        direction = torch.nn.functional.normalize(direction, dim=1)
        return RayBundle(origin=origin, direction=direction, volume_index=index)

    return make
