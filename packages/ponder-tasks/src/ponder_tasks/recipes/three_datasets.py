"""ScanNet, S3DIS and Structured3D together, as PonderV2 pre-trains indoors: a condition, and a share, for each."""

from typing import Literal

from ponder_data import S3disConfig, ScanNetConfig, Structured3dConfig
from ponder_data.labels import S3DIS, SCANNET20, STRUCTURED3D
from ponder_data.mixture import merged_classes

from ponder_tasks.scene_config import MixPartConfig, MixtureConfig, VirtualViewsConfig

CONDITIONS = ("ScanNet", "S3DIS", "Structured3D")
"""Names of the norms in the released weights, in their order there."""

SHARES = {"ScanNet": 2.0, "S3DIS": 1.0, "Structured3D": 4.0}
"""Of the visits, as published."""

CLASSES = merged_classes((SCANNET20.names, S3DIS.names, STRUCTURED3D.names))
"""Of all three; first ScanNet's twenty, in their order."""

Split = Literal["train", "val"]


def pictured(split: Split, *, views: int, width: int) -> MixtureConfig:
    """The three with pictures of ``width`` pixels: frames, virtual pictures of S3DIS, renderings.

    Validation scenes have two held-out views.
    """
    held_out = 0 if split == "train" else 2
    frames = {"views": views, "held_out_views": held_out, "image_width": width}
    height = round(0.75 * width)
    return _joined(
        ScanNetConfig.model_validate({"split": split, **frames}),
        VirtualViewsConfig(
            data=S3disConfig(split=split),
            views=views,
            held_out_views=2,
            image_width=width,
            image_height=height,
        ),
        Structured3dConfig.model_validate({"split": split, **frames}),
    )


def clouds() -> MixtureConfig:
    """The training clouds of the three, without pictures."""
    return _joined(ScanNetConfig(views=0), S3disConfig(), Structured3dConfig(views=0))


def scannet_alone(split: Split) -> MixtureConfig:
    """ScanNet's clouds with the classes of all three, for a model that learned from all three."""
    part = MixPartConfig(data=ScanNetConfig(split=split, views=0), condition="ScanNet")
    return MixtureConfig(parts=(part,), class_names=CLASSES)


def _joined(
    scannet: ScanNetConfig, s3dis: S3disConfig | VirtualViewsConfig, structured3d: Structured3dConfig
) -> MixtureConfig:
    parts = zip(CONDITIONS, (scannet, s3dis, structured3d), strict=True)
    return MixtureConfig(
        parts=tuple(MixPartConfig(data=data, weight=SHARES[name], condition=name) for name, data in parts),
        class_names=CLASSES,
    )
