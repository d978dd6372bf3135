import pytest
import torch
from ponder_render import DenseNetConfig, build_dense_net


def make_net(kind: str, in_channels: int = 6) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_dense_net(
        DenseNetConfig.model_validate({"kind": kind, "channels": 8, "groups": 4}), in_channels
    )


@pytest.mark.parametrize("kind", ["conv", "unet"])
@pytest.mark.parametrize("shape", [(8, 4, 12), (5, 7, 6), (1, 2, 3)])
def test_any_size_comes_out_as_it_went_in(kind: str, shape: tuple[int, int, int]) -> None:
    assert make_net(kind)(torch.randn(2, 6, *shape)).shape == (2, 8, *shape)


@pytest.mark.parametrize("kind", ["conv", "unet"])
def test_scenes_of_a_batch_do_not_influence_each_other(kind: str) -> None:
    net, volume = make_net(kind), torch.randn(3, 6, 8, 8, 4)
    together = net(volume)
    alone = torch.cat([net(volume[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_the_unet_sees_further_than_one_convolution() -> None:
    reach = {}
    for kind in ("conv", "unet"):
        volume = torch.randn(1, 6, 16, 16, 16, requires_grad=True)
        (grad,) = torch.autograd.grad(make_net(kind)(volume)[0, :, 8, 8, 8].sum(), volume)
        reach[kind] = int(grad.abs().sum(dim=(0, 1, 3, 4)).nonzero().numel())
    assert reach["conv"] == 3
    assert reach["unet"] > 10


@pytest.mark.parametrize("in_channels", [6, 8])
def test_the_unet_takes_as_many_channels_as_there_are(in_channels: int) -> None:
    net = make_net("unet", in_channels)
    net(torch.randn(1, in_channels, 8, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in net.parameters())
