"""Image networks of timm, as pyramids of features at known strides."""

import difflib
import math
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, field_validator
from torch import Tensor, nn

from ponder_encoders.image.backbone_weights import load_weights, read_weights
from ponder_encoders.image.optional import load_timm

Weights = Literal["timm", "random"] | Path


class RandomWeightsWarning(UserWarning):
    """An image network starts from random weights."""


class ImageBackboneConfig(BaseModel):
    """Which network of timm reads images, and where its weights come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        default="convnext_small",
        description="timm's name of the network; a tag after a dot chooses among its weights",
    )
    stages: tuple[NonNegativeInt, ...] = Field(
        default=(1, 2, 3),
        min_length=1,
        description="timm's out_indices, from fine to coarse; of a ConvNeXt, 0 to 3 have strides 4 to 32",
    )
    weights: Weights = Field(
        default="random",
        description="timm: its pretrained ones, which timm may download; a path: of a .safetensors or PyTorch "
        "file; random: as a last resort",
    )
    drop_path_rate: float = Field(
        default=0.0, ge=0, lt=1, description="stochastic depth in training; only where the network has it"
    )
    recompute: bool = Field(
        default=False, description="hold no activations inside stages in training but compute them again"
    )
    image_size: tuple[PositiveInt, PositiveInt] | None = Field(
        default=None,
        description="height and width, for networks that are built for one size only (ViT, Swin); "
        "multiples of the largest stride",
    )

    @field_validator("stages")
    @classmethod
    def _check_stages(cls, stages: tuple[int, ...]) -> tuple[int, ...]:
        # timm gives features in the order of the network, whatever order they are asked in.
        if any(later <= earlier for earlier, later in pairwise(stages)):
            raise ValueError(f"stages go from fine to coarse, each once, not {stages}")
        return stages

    @classmethod
    def tiny(cls, weights: Weights = "random") -> "ImageBackboneConfig":
        """ConvNeXt-tiny: 29 million parameters with its classifier."""
        return cls(name="convnext_tiny", weights=weights)

    @classmethod
    def small(cls, weights: Weights = "random") -> "ImageBackboneConfig":
        """ConvNeXt-small, the paper's: 50 million parameters with its classifier."""
        return cls(name="convnext_small", weights=weights)

    @classmethod
    def base(cls, weights: Weights = "random") -> "ImageBackboneConfig":
        """ConvNeXt-base: 89 million parameters with its classifier."""
        return cls(name="convnext_base", weights=weights)

    @classmethod
    def large(cls, weights: Weights = "random") -> "ImageBackboneConfig":
        """ConvNeXt-large: 198 million parameters with its classifier."""
        return cls(name="convnext_large", weights=weights)


class ImageBackbone(nn.Module):
    """Features of images at several strides, by any network of timm that gives them.

    Images are normalised by the mean and deviation that the network was trained with, then padded below and on the
    right to multiples of the largest stride (by the mean colour), so that no pixel is lost at the border. Feature row
    ``i`` of stride ``s`` stands for the image rows from ``i s`` to ``(i + 1) s - 1``. Rows that lie wholly in the
    padding are cut off again.

    Nothing touches the network unless the config says ``weights="timm"``.

    Args:
        config: the network and its weights.
        generator: source of the initial weights; PyTorch's default where not given.

    Raises:
        ImportError: timm is not installed.
        ValueError: timm does not know the network or the stages, or the weights do not fit or cannot be had.
    """

    mean: Float[Tensor, "3 1 1"]
    deviation: Float[Tensor, "3 1 1"]

    def __init__(
        self, config: ImageBackboneConfig | None = None, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        config = config if config is not None else ImageBackboneConfig()
        self.config = config
        self.network = _create(config, generator)
        if isinstance(config.weights, Path):
            load_weights(
                self.network, read_weights(config.weights.expanduser()), source=f"the file {config.weights}"
            )
        self.out_channels: tuple[int, ...] = tuple(self.network.feature_info.channels())
        self.strides: tuple[int, ...] = tuple(self.network.feature_info.reduction())
        self._channels_last = str(getattr(self.network, "output_fmt", "NCHW")).endswith("NHWC")
        # What timm's data config holds for these weights.
        statistics = load_timm().data.resolve_data_config(self.network.pretrained_cfg)
        self.mean_color: tuple[float, float, float] = tuple(statistics["mean"])
        for name, values in (("mean", statistics["mean"]), ("deviation", statistics["std"])):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def feature_size(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """Rows and columns of each stage for images of a size: ``ceil(side / stride)``."""
        return tuple((math.ceil(height / stride), math.ceil(width / stride)) for stride in self.strides)

    def forward(
        self, images: Float[Tensor, "batch cameras 3 height width"]
    ) -> tuple[Float[Tensor, "batch cameras _ _ _"], ...]:
        """Features of each stage: ``(batch, cameras, out_channels[i], ceil(height / strides[i]), ...)``.

        Args:
            images: RGB in [0, 1]. Gradients reach them and all parameters.
        """
        height, width = images.shape[3:]
        normalised = (images.flatten(0, 1) - self.mean) / self.deviation
        largest = max(self.strides)
        padded = F.pad(normalised, (0, -width % largest, 0, -height % largest))
        levels = []
        for level, (rows, columns) in zip(
            self.network(padded), self.feature_size(height, width), strict=True
        ):
            level = level.permute(0, 3, 1, 2) if self._channels_last else level
            levels.append(level[..., :rows, :columns].unflatten(0, images.shape[:2]))
        return tuple(levels)


def _create(config: ImageBackboneConfig, generator: torch.Generator | None) -> Any:
    """The network as timm builds it."""
    timm = load_timm()
    if not timm.is_model(config.name):
        nearest = difflib.get_close_matches(config.name, timm.list_models() + timm.list_pretrained(), n=3)
        raise ValueError(f"timm knows no network {config.name!r}; the nearest are {nearest}")
    if config.weights == "timm" and not timm.models.is_model_pretrained(config.name):
        raise ValueError(
            f"timm has no pretrained weights for {config.name}: give weights=<path of a file> or another network"
        )
    if config.weights == "random":
        warnings.warn(
            f"{config.name} starts from random weights and learns far slower: give weights='timm' (which may "
            "download them) or weights=<path of a .safetensors or PyTorch file>",
            RandomWeightsWarning,
            stacklevel=3,
        )
    options: dict[str, Any] = {"features_only": True, "out_indices": config.stages}
    if config.drop_path_rate:
        options["drop_path_rate"] = config.drop_path_rate
    if config.image_size is not None:
        options["img_size"] = config.image_size
    with torch.random.fork_rng(devices=[], enabled=generator is not None):
        if generator is not None:
            # timm draws from PyTorch's own source, which is put back afterwards.
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator, device=generator.device)))
        network = _build(timm, config, options)
    if config.recompute:
        # Where timm takes features by hooks, only the network within can recompute.
        (network if hasattr(network, "set_grad_checkpointing") else network.model).set_grad_checkpointing(
            True
        )
    return network


def _build(timm: Any, config: ImageBackboneConfig, options: dict[str, Any]) -> Any:
    try:
        return timm.create_model(config.name, pretrained=config.weights == "timm", **options)
    except OSError as error:
        raise ValueError(
            f"timm could not get the pretrained weights of {config.name}: {error}. Without a network, fetch them "
            "beforehand and give weights=<path of the file>"
        ) from error
    except (IndexError, AssertionError, TypeError) as error:
        raise ValueError(f"timm builds no {config.name} with {options}: {error}") from error
