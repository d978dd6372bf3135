"""From pre-training to detection: which weights are carried, and what is told where they cannot be."""

from pathlib import Path

import pytest
import torch
from driving_scenes import small_streets
from ponder_data import SyntheticStreets
from ponder_tasks.checkpoint import load_weights
from ponder_tasks.encoder_source import load_encoder, with_encoder
from ponder_tasks.outdoor.batches import whole_street
from ponder_tasks.outdoor.model import StreetsPretrainModel
from ponder_tasks.outdoor.recipe import Sensors, StreetsPretrainRecipe
from ponder_tasks.outdoor_detect.detector import start_detector
from ponder_tasks.outdoor_detect.volume_model import VolumeDetectionModel
from ponder_tasks.recipe import OutdoorDetectRecipe, VolumeDetectRecipe
from ponder_tasks.recipes import get_recipe
from volume_recipes import PRETRAINING, tiny_detection, written_pretraining

pytest.importorskip("timm", reason="timm is not installed (extra images)")

PARTS: list[tuple[Sensors, Sensors, str]] = [
    ("lidar", "lidar", "source."),
    ("camera", "camera", "source."),
    ("fusion", "fusion", "source."),
    ("fusion", "lidar", "source.lidar."),
    ("fusion", "camera", "source.camera."),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[Sensors, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return {sensors: written_pretraining(sensors, folder / sensors) for sensors in PRETRAINING}


def started(recipe: VolumeDetectRecipe) -> VolumeDetectionModel:
    torch.manual_seed(1)
    model = VolumeDetectionModel(recipe)
    start_detector(model)
    return model


@pytest.mark.parametrize(("trained", "wanted", "prefix"), PARTS)
def test_a_frozen_detector_holds_the_very_weights_of_pretraining(
    runs: dict[Sensors, Path], trained: Sensors, wanted: Sensors, prefix: str
) -> None:
    recipe = with_encoder(tiny_detection(wanted), str(runs[trained]))
    model = started(recipe.model_copy(update={"freeze_encoder": True}))
    weights = load_weights(runs[trained]).under(prefix)
    carried = model.source.state_dict()
    for name, value in carried.items():
        assert torch.equal(value, weights[name]), name
    assert {name.rsplit(".", 2)[1] for name in weights.keys() - carried.keys()} <= {"masking"}
    assert not any(parameter.requires_grad for parameter in model.source.parameters())


@pytest.mark.parametrize("sensors", ["lidar", "camera", "fusion"])
def test_the_volume_is_that_of_pretraining_and_nothing_is_masked(
    runs: dict[Sensors, Path], sensors: Sensors
) -> None:
    weights = load_weights(runs[sensors])
    pretrained = weights.recipe
    assert isinstance(pretrained, StreetsPretrainRecipe)
    recipe = with_encoder(tiny_detection(sensors), str(runs[sensors]))
    assert recipe.sample.grid_size == pretrained.sample.grid_size == 0.5
    assert recipe.sample.masking.kind == "none"
    assert recipe.camera.masking is None
    model = started(recipe.model_copy(update={"volume_shape": pretrained.renderer.volume_shape})).eval()
    before = StreetsPretrainModel(pretrained).eval()
    before.load_state_dict(dict(weights.tensors))
    batch = whole_street(SyntheticStreets(small_streets(image_width=64, image_height=36))[0], pretrained)
    with torch.no_grad():
        # Kernels of the LiDAR's encoder are scaled back to learn further, which changes features by rounding and eps.
        torch.testing.assert_close(
            model.source(batch).features, before.source(batch).features, atol=2e-3, rtol=2e-2
        )


def test_scratch_stays_as_it_is() -> None:
    recipe = with_encoder(tiny_detection("lidar"), "scratch")
    torch.manual_seed(1)
    fresh = VolumeDetectionModel(recipe).state_dict()
    for name, value in started(recipe).state_dict().items():
        assert torch.equal(value, fresh[name])


@pytest.mark.parametrize(
    ("trained", "wanted", "words"),
    [
        ("camera", "lidar", "learned the volume of the cameras, but here that of the LiDAR is needed"),
        (
            "lidar",
            "fusion",
            "that of LiDAR and cameras together is needed; give a run such as one of streets-fusion",
        ),
        ("lidar", "camera", r"\(a run of streets\) learned the volume of the LiDAR"),
    ],
)
def test_a_run_of_other_sensors_is_told(
    runs: dict[Sensors, Path], trained: Sensors, wanted: Sensors, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        with_encoder(tiny_detection(wanted), str(runs[trained]))


def test_what_does_not_fit_is_told(runs: dict[Sensors, Path]) -> None:
    with pytest.raises(ValueError, match="a volume of sensors has no conditions"):
        with_encoder(tiny_detection("lidar"), str(runs["lidar"]), "ScanNet")
    wider = tiny_detection("lidar").model_copy(update={"encoder_source": str(runs["lidar"])})
    wider = wider.model_copy(update={"encoder": wider.encoder.model_copy(update={"base_channels": 16})})
    with pytest.raises(ValueError, match="does not fit the volume of streets-detect: .*size mismatch"):
        started(wider)
    voxelnet = get_recipe("streets-detect-voxelnet")
    assert isinstance(voxelnet, OutdoorDetectRecipe)
    with pytest.raises(ValueError, match="holds a SparseUNet"):
        with_encoder(voxelnet, str(runs["lidar"]))


def test_the_encoder_of_points_goes_on_to_other_tasks(runs: dict[Sensors, Path]) -> None:
    encoder, recipe = load_encoder(runs["fusion"])
    assert recipe.name == "streets-fusion"
    assert encoder.out_channels == 8
    with pytest.raises(ValueError, match="holds no encoder of points"):
        load_encoder(runs["camera"])
