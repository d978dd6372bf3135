"""Test-time voting, and the files that ScanNet's benchmark takes."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from ponder_data import Scene
from ponder_data.labels import SCANNET20
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.recipe import SegmentRecipe
from ponder_tasks.recipes import get_recipe
from ponder_tasks.segment.evaluation import Segmented, segment_scene
from ponder_tasks.segment.export import ScanNetExport
from ponder_tasks.segment.model import SegmentationModel
from ponder_tasks.segment.voting import Look, VotingConfig, looks, vote

GRID = 0.25
ONE_LOOK = VotingConfig(rotations=(0.0,), scales=(1.0,), mirrors=("none",))


def random_scene(points: int = 300) -> Scene:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(points, 3, generator=generator)
    return Scene(
        name="scene0000_00",
        dataset="test",
        coord=torch.rand(points, 3, generator=generator) * 2.0,
        color=torch.rand(points, 3, generator=generator),
        normal=normal / normal.norm(dim=1, keepdim=True),
    )


@pytest.fixture(scope="module")
def model() -> SegmentationModel:
    torch.manual_seed(0)
    recipe = apply_overrides(
        get_recipe("rooms-semseg"),
        [
            "encoder.base_channels=8",
            "encoder.channels=[8,8]",
            "encoder.layers=[1,1]",
            "encoder.backend=torch",
        ],
    )
    assert isinstance(recipe, SegmentRecipe)
    return SegmentationModel(recipe, classes=20).eval()


def test_one_look_at_one_point_per_cell_is_the_plain_prediction(model: SegmentationModel) -> None:
    scene = random_scene()
    voting = ONE_LOOK.model_copy(update={"every_point": False})
    plain = segment_scene(model, scene, GRID)
    assert torch.equal(segment_scene(model, scene, GRID, voting).prediction, plain.prediction)


def test_every_point_is_predicted_by_its_own_colour(model: SegmentationModel) -> None:
    """Two points of one cell differ in nothing but colour: fragments tell them apart, cells do not."""
    # The third point moves the centre, where cells meet, away from the first two.
    scene = replace(
        random_scene(3),
        coord=torch.tensor([[0.01, 0.01, 0.01], [0.02, 0.02, 0.02], [0.8, 0.8, 0.8]]),
        color=torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
    )
    apart = vote(model, scene, GRID, ONE_LOOK)
    shared = vote(model, scene, GRID, ONE_LOOK.model_copy(update={"every_point": False}))
    assert not torch.allclose(apart[0], apart[1])
    assert torch.equal(shared[0], shared[1])
    torch.testing.assert_close(apart[0], shared[0])


def test_the_votes_are_the_mean_over_the_looks(model: SegmentationModel) -> None:
    scene = random_scene()
    several = VotingConfig(rotations=(0.0, 90.0), scales=(0.9, 1.1), mirrors=("none", "x"))
    single = [
        vote(
            model,
            scene,
            GRID,
            VotingConfig(rotations=(look.rotation,), scales=(look.scale,), mirrors=(look.mirror,)),
        )
        for look in looks(several)
    ]
    assert len(single) == several.looks == 8
    # Points seen in more fragments of one look weigh that look more: the mean is over votes, so by cells' fullness.
    together = vote(model, scene, GRID, several)
    torch.testing.assert_close(together.sum(dim=1), torch.ones(len(scene)))
    lowest, highest = torch.stack(single).amin(dim=0), torch.stack(single).amax(dim=0)
    assert bool(((together >= lowest - 1e-6) & (together <= highest + 1e-6)).all())


def test_a_look_moves_points_as_it_says() -> None:
    scene = random_scene(50)
    looked = Look(rotation=90.0, scale=2.0, mirror="x").of(scene)
    turned = torch.stack((-scene.coord[:, 1], scene.coord[:, 0], scene.coord[:, 2]), dim=1) * 2.0
    turned[:, 0] *= -1.0
    offset = looked.coord - turned
    torch.testing.assert_close(offset, offset[:1].expand_as(offset), atol=1e-5, rtol=0.0)
    assert math.isclose(float(looked.coord[:, 2].amin()), 0.0, abs_tol=1e-6)


def test_scannet_files_have_a_raw_id_for_each_vertex(tmp_path: Path) -> None:
    scene = replace(random_scene(4), class_names=SCANNET20.names)
    export = ScanNetExport(tmp_path / "out", SCANNET20.names)
    # wall, floor, shower curtain, other furniture: 1, 2, 28 and 39 of NYU40
    prediction = torch.tensor([0, 1, SCANNET20.names.index("shower curtain"), 19])
    path = export.write(Segmented(scene=scene, prediction=prediction))
    assert path.name == "scene0000_00.txt"
    assert path.read_text() == "1\n2\n28\n39\n"


def test_scannet_files_are_refused_for_other_classes_and_full_folders(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither ScanNet benchmark"):
        ScanNetExport(tmp_path / "out", ("floor", "lamp"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    with pytest.raises(ValueError, match="not an empty folder"):
        ScanNetExport(tmp_path / "full", SCANNET20.names)
