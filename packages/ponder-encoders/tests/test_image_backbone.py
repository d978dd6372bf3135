"""Image networks of timm: shapes, borders, normalisation, and where their weights come from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ponder_encoders.image.backbone import ImageBackbone, ImageBackboneConfig, RandomWeightsWarning
from ponder_encoders.image.backbone_weights import load_weights
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

timm = pytest.importorskip("timm", reason="timm is not installed (extra images)")
# What an unpickled file would run.
unpickled: list[str] = []


class Payload:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return unpickled.append, ("a file of weights ran code",)


def make_backbone(seed: int = 0, **fields: Any) -> ImageBackbone:
    config = ImageBackboneConfig.model_validate({"name": "test_convnext"} | fields)
    if config.weights != "random":
        return ImageBackbone(config)
    with pytest.warns(RandomWeightsWarning, match=r"give weights='timm' \(which may download them\) or"):
        return ImageBackbone(config, generator=torch.Generator().manual_seed(seed))


def random_images(height: int = 64, width: int = 96, cameras: int = 2, batch: int = 1) -> Tensor:
    return torch.rand(batch, cameras, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "stages", "strides"),
    [
        ("test_convnext", (0, 1, 2, 3), (4, 8, 16, 32)),
        ("test_convnext.r160_in1k", (1, 3), (8, 32)),
        ("test_resnet", (1, 2), (4, 8)),
        ("test_efficientnet", (2, 4), (8, 32)),
    ],
)
@pytest.mark.parametrize("size", [(64, 96), (45, 67), (3, 5)])
def test_every_stage_covers_the_image(
    name: str, stages: tuple[int, ...], strides: tuple[int, ...], size: tuple[int, int]
) -> None:
    backbone = make_backbone(name=name, stages=stages).eval()
    assert backbone.strides == strides
    levels = backbone(random_images(*size))
    for level, stride, channels, cells in zip(
        levels, strides, backbone.out_channels, backbone.feature_size(*size), strict=True
    ):
        assert cells == (-(-size[0] // stride), -(-size[1] // stride))
        assert level.shape == (1, 2, channels, *cells)


def test_cameras_and_scenes_do_not_mix() -> None:
    backbone, images = make_backbone().eval(), random_images(cameras=3, batch=2)
    levels, alone = backbone(images), backbone(images[1:, 2:])
    for level, one in zip(levels, alone, strict=True):
        torch.testing.assert_close(level[1:, 2:], one)


def test_images_are_normalised_as_timm_says_and_padded_by_the_mean_colour() -> None:
    backbone = make_backbone().eval()
    backbone_of_imagenet = make_backbone(name="resnet18", stages=(1,))
    assert backbone_of_imagenet.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert backbone_of_imagenet.deviation.flatten().tolist() == pytest.approx([0.229, 0.224, 0.225])
    images = random_images(45, 67)
    mean = torch.tensor(backbone.mean_color).view(3, 1, 1)
    padded = mean.expand(1, 2, 3, 64, 96).clone()
    padded[..., :45, :67] = images
    direct = backbone.network(((padded - mean) / backbone.deviation).flatten(0, 1))
    for level, expected in zip(backbone(images), direct, strict=True):
        torch.testing.assert_close(level[0], expected[..., : level.shape[3], : level.shape[4]])


def test_networks_with_channels_last_and_of_one_size() -> None:
    """Swin gives channels last, and both it and ViT are built for one size of image."""
    timm_name, stages = "swin_tiny_patch4_window7_224", (0,)
    backbone = make_backbone(name=timm_name, stages=stages, image_size=(32, 64)).eval()
    (level,) = backbone(random_images(30, 61))
    assert level.shape == (1, 2, 96, 8, 16)
    vit = make_backbone(name="test_vit", stages=(3, 5), image_size=(32, 64), recompute=True)
    assert vit.strides == (16, 16)
    assert [tuple(level.shape) for level in vit(random_images(32, 64))] == [(1, 2, 64, 2, 4)] * 2


def test_weights_follow_the_generator_and_leave_the_global_one_alone() -> None:
    before = torch.get_rng_state()
    one, same, other = make_backbone(seed=0), make_backbone(seed=0), make_backbone(seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    differ = []
    for name, parameter in one.named_parameters():
        assert torch.equal(parameter, same.get_parameter(name))
        differ.append(not torch.equal(parameter, other.get_parameter(name)))
    assert any(differ)


def names_of_the_authors(name: str) -> str:
    """timm's names of a ConvNeXt as its authors' files have them."""
    name = name.replace("stem.", "downsample_layers.0.").replace(".blocks.", ".").replace("conv_dw", "dwconv")
    for stage in range(1, 4):
        name = name.replace(f"stages.{stage}.downsample.", f"downsample_layers.{stage}.")
    return name.replace("mlp.fc", "pwconv").replace("head.norm", "norm").replace("head.fc", "head")


def names_of_mmpretrain(name: str) -> str:
    name = names_of_the_authors(name).replace("dwconv", "depthwise_conv").replace("pwconv", "pointwise_conv")
    return "backbone." + name


@pytest.mark.parametrize("rename", [str, names_of_the_authors, names_of_mmpretrain])
@pytest.mark.parametrize("container", ["plain.safetensors", "wrapped.pth", "parallel.pth"])
def test_weights_from_a_file(rename: Callable[[str], str], container: str, tmp_path: Path) -> None:
    torch.manual_seed(5)
    # The classifier as timm has it, with head and all; its network is ours.
    trained = timm.create_model("convnext_atto").eval()
    weights = {rename(name): value for name, value in trained.state_dict().items()}
    path = tmp_path / container
    if container.startswith("plain"):
        save_file({name: value.contiguous() for name, value in weights.items()}, path)
    elif container.startswith("wrapped"):
        torch.save({"state_dict": weights, "epoch": 3}, path)
    else:
        torch.save({"model": {f"module.{name}": value for name, value in weights.items()}}, path)
    backbone = make_backbone(name="convnext_atto", weights=path, stages=(3,)).eval()
    images = random_images(32, 64)
    normalised = (images[0] - backbone.mean) / backbone.deviation
    torch.testing.assert_close(backbone(images)[0][0], trained.forward_features(normalised))


def test_weights_of_our_own_backbones_and_of_plain_linear_layers(tmp_path: Path) -> None:
    trained = make_backbone(seed=3)
    path = tmp_path / "backbone.pth"
    torch.save(trained.state_dict(), path)
    loaded = make_backbone(weights=str(path))
    for name, parameter in loaded.named_parameters():
        assert torch.equal(parameter, trained.get_parameter(name)), name
    # Files of others hold 1x1 convolutions as matrices.
    squeezed = {
        name: value.flatten(1) if value.shape[2:] == (1, 1) else value
        for name, value in make_backbone(seed=4, name="convnext_atto", stages=(0,)).state_dict().items()
    }
    target = make_backbone(seed=0, name="convnext_atto", stages=(0,))
    load_weights(target, squeezed, source="a test")
    assert any(value.ndim == 2 for value in squeezed.values())
    for name, value in target.state_dict().items():
        assert torch.equal(value.flatten(), squeezed[name].flatten())


def test_files_that_do_not_fit_are_refused_and_change_nothing(tmp_path: Path) -> None:
    weights = make_backbone(seed=1).state_dict()
    torch.save(
        {name: value for name, value in weights.items() if "stem_0" not in name}, tmp_path / "lacks.pth"
    )
    with pytest.raises(ValueError, match=r"2 missing: stem_0.weight, stem_0.bias\. 0 misshapen"):
        make_backbone(weights=tmp_path / "lacks.pth")
    target = make_backbone(seed=0)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    wrong = dict(weights) | {"network.stem_0.bias": torch.zeros(7)}
    with pytest.raises(ValueError, match=r"network.stem_0.bias \(7,\) instead of \(24,\)"):
        load_weights(target, wrong, source="a test")
    for name, value in target.state_dict().items():
        assert torch.equal(value, before[name])
    with pytest.raises(ValueError, match="there is no file"):
        make_backbone(weights=tmp_path / "nowhere.pth")
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(ValueError, match=r"holds no tensors, only \['epoch'\]"):
        make_backbone(weights=tmp_path / "empty.pth")
    (tmp_path / "text.safetensors").write_text("no weights at all")
    with pytest.raises(ValueError, match="is no file of weights"):
        make_backbone(weights=tmp_path / "text.safetensors")


def test_a_file_runs_no_code(tmp_path: Path) -> None:
    torch.save({"state_dict": Payload()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match="is no file of weights"):
        make_backbone(weights=tmp_path / "evil.pth")
    assert unpickled == []


def test_timm_is_asked_for_pretrained_weights_only_when_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    create = timm.create_model

    def record(name: str, *, pretrained: bool, **options: Any) -> Any:
        asked.append(pretrained)
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", record)
    make_backbone()
    make_backbone(weights="timm")
    assert asked == [False, True]


def test_without_a_network_timm_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*arguments: Any, **options: Any) -> Any:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(ValueError, match=r"no route to host\. Without a network, fetch them beforehand"):
        make_backbone(weights="timm")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "convnext_smal"}, r"no network 'convnext_smal'; the nearest are \['convnext_small'"),
        # timm would fetch the description of such a network by itself.
        ({"name": "hf-hub:someone/model"}, "timm knows no network 'hf-hub:someone/model'"),
        ({"name": "convnext_atto_rms", "weights": "timm"}, "no pretrained weights for convnext_atto_rms"),
    ],
)
def test_what_timm_does_not_have_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageBackbone(ImageBackboneConfig.model_validate(fields))


def test_stages_go_from_fine_to_coarse() -> None:
    with pytest.raises(ValidationError, match="from fine to coarse, each once, not"):
        ImageBackboneConfig(stages=(2, 1))


@pytest.mark.parametrize(
    "fields", [{"stages": (1, 7)}, {"image_size": (32, 32)}, {"name": "vgg11", "drop_path_rate": 0.1}]
)
@pytest.mark.filterwarnings("ignore::ponder_encoders.image.backbone.RandomWeightsWarning")
def test_options_that_a_network_lacks_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"timm builds no (test_convnext|vgg11) with"):
        ImageBackbone(ImageBackboneConfig.model_validate({"name": "test_convnext"} | fields))


def test_presets() -> None:
    presets = [getattr(ImageBackboneConfig, size)() for size in ("tiny", "small", "base", "large")]
    assert [config.name for config in presets] == [
        f"convnext_{s}" for s in ("tiny", "small", "base", "large")
    ]
    assert all(timm.models.is_model_pretrained(config.name) for config in presets)
    assert ImageBackboneConfig.small(weights=Path("a.pth")).weights == Path("a.pth")


@pytest.mark.parametrize("drop_path_rate", [0.0, 0.5])
def test_recomputing_activations_changes_no_gradient(drop_path_rate: float) -> None:
    gradients = []
    for recompute in (False, True):
        backbone = make_backbone(recompute=recompute, drop_path_rate=drop_path_rate).train()
        torch.manual_seed(0)
        torch.stack([level.square().mean() for level in backbone(random_images())]).sum().backward()
        gradients.append([parameter.grad for parameter in backbone.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_under_autocast() -> None:
    backbone, images = make_backbone().train(), random_images()
    exact = backbone(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = backbone(images)
    torch.stack([level.float().square().mean() for level in mixed]).sum().backward()
    for one, other in zip(mixed, exact, strict=True):
        cosine = torch.nn.functional.cosine_similarity(one.float().flatten(), other.flatten(), dim=0)
        assert cosine > 0.99
    for name, parameter in backbone.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_results_stay_on_the_device_of_the_images() -> None:
    # timm reads numbers off tensors while it builds, so the network is built before and its weights are replaced.
    backbone = make_backbone()
    with FakeTensorMode(), torch.device("cuda"):
        state = {
            name: torch.empty(value.shape)
            for name, value in (*backbone.named_parameters(), *backbone.named_buffers())
        }
        levels = torch.func.functional_call(backbone, state, (torch.zeros(1, 6, 3, 90, 160),))
        assert [level.device.type for level in levels] == ["cuda"] * 3
        assert levels[0].shape == (1, 6, 32, 12, 20)
