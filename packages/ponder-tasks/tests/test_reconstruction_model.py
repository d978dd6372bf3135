"""The network of reconstruction: decoder and losses against formulas, meshes against balls, and that it learns."""

import math

import numpy as np
import pytest
import torch
import trimesh
from ponder_data import FurnitureShapes, FurnitureShapesConfig
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.recipe import ReconstructRecipe
from ponder_tasks.recipes.rooms_reconstruct import rooms_reconstruct
from ponder_tasks.reconstruct.batches import ShapeBatchSequence
from ponder_tasks.reconstruct.config import DecoderConfig
from ponder_tasks.reconstruct.decoder import FieldDecoder
from ponder_tasks.reconstruct.evaluation import mean_of, reconstruct_shape
from ponder_tasks.reconstruct.losses import distance_losses, occupancy_losses
from ponder_tasks.reconstruct.model import ReconstructionModel
from ponder_tasks.reconstruct.pictures import shape_pictures
from ponder_tasks.reconstruct.shape_mesh import mesh_of_volume, sample_mesh
from torch import Tensor, nn

SHAPES = FurnitureShapes(FurnitureShapesConfig(shapes=13, surface_points=2000))

TINY = (
    "encoder.base_channels=8",
    "encoder.channels=[8,16,16,8]",
    "encoder.layers=[1,1,1,1]",
    "encoder.backend=torch",
    "points.count=600",
    "points.queries=256",
    "points.encoder_cells=12",
    "network.volume_cells=16",
    "network.point_channels=8",
    "network.dense.channels=8",
    "network.decoder.hidden=16",
    "network.decoder.blocks=2",
    "evaluation.resolution=24",
    "evaluation.surface_points=1500",
    "evaluation.volume_points=3000",
)


def recipe(*changes: str) -> ReconstructRecipe:
    return apply_overrides(rooms_reconstruct(), (*TINY, *changes))


def test_the_decoder_is_its_formula() -> None:
    torch.manual_seed(0)
    decoder = FieldDecoder(DecoderConfig(hidden=6, blocks=2), channels=4)
    for block in decoder.blocks:
        nn.init.normal_(block.get_parameter("second.weight"))
    position, feature = torch.randn(5, 3), torch.randn(5, 4)
    found = decoder(position, feature)
    for row in range(5):
        hidden = decoder.position(position[row])
        for condition, block in zip(decoder.condition, decoder.blocks, strict=True):
            hidden = hidden + condition(feature[row])
            hidden = hidden + block.second(block.first(hidden.clamp(min=0)).clamp(min=0))  # pyright: ignore
        expected = decoder.value.weight[0] @ hidden.clamp(min=0) + decoder.value.bias[0]
        torch.testing.assert_close(found[row], expected)


def test_the_occupancy_loss_is_the_cross_entropy() -> None:
    value, inside = torch.tensor([[2.0, -1.0], [0.0, 3.0]]), torch.tensor([[True, True], [False, False]])
    chance = [1 / (1 + math.exp(-v)) for v in (2.0, -1.0, 0.0, 3.0)]
    expected = -sum(map(math.log, (chance[0], chance[1], 1 - chance[2], 1 - chance[3]))) / 4
    assert float(occupancy_losses(value, inside).total) == pytest.approx(expected)


def test_the_distance_loss_cuts_only_the_truth() -> None:
    value, true = torch.tensor([[0.05, 0.5, -0.3]]), torch.tensor([[0.02, 0.9, 0.04]])
    loss = distance_losses(value.requires_grad_(), true, truncation=0.1).total
    assert float(loss.detach()) == pytest.approx((0.03 + 0.4 + 0.34) / 3 / 0.1)
    loss.backward()
    assert value.grad is not None
    assert value.grad.sign().tolist() == [[1, 1, -1]]


class Ball(ReconstructionModel):
    """A model whose field is a ball of radius 0.3 about (0.1, 0, 0), whatever it is given."""

    def decode(self, volume, position: Tensor, index: Tensor) -> Tensor:
        distance = (position - torch.tensor([0.1, 0.0, 0.0])).norm(dim=1) - 0.3
        return -40 * distance if self.config.output == "occupancy" else distance


@pytest.mark.parametrize("output", ["occupancy", "sdf"])
def test_the_mesh_of_a_ball_is_a_ball(output: str) -> None:
    made = recipe(f"network.output={output}")
    model = Ball(made).eval()
    volume = model.encode(ShapeBatchSequence(SHAPES, made, rank=0, world_size=1)[0])
    mesh = mesh_of_volume(model, volume, 40, index=1)
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert solid.is_watertight
    assert solid.volume == pytest.approx(4 / 3 * math.pi * 0.3**3, rel=0.02)  # positive: turned outwards
    outward = mesh.vertices - np.array([0.1, 0, 0])
    np.testing.assert_allclose(np.linalg.norm(outward, axis=1), 0.3, atol=2e-3)
    assert (mesh.normals * outward).sum(axis=1).min() > 0.29
    drawn = sample_mesh(mesh, 20_000, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.point.mean(axis=0), [0.1, 0, 0], atol=0.005)
    counts = np.histogram(drawn.point[:, 2], bins=6, range=(-0.3, 0.3))[0]
    assert np.abs(counts / 20_000 - 1 / 6).max() < 0.015  # a sphere's zones of one height have one area
    assert ((drawn.point - [0.1, 0, 0]) * drawn.normal).sum(axis=1).min() > 0.28


class Nothing(ReconstructionModel):
    """A model that finds all of space empty."""

    def decode(self, volume, position: Tensor, index: Tensor) -> Tensor:
        return torch.full((len(position),), -5.0)


def test_a_shape_of_which_nothing_is_found_is_measured_and_pictured() -> None:
    one = reconstruct_shape(Nothing(recipe()).eval(), SHAPES.shape(0), recipe(), seed=0)
    assert len(one.mesh.faces) == 0
    assert one.surface.chamfer_l1 == math.sqrt(3)
    assert one.iou == 0.0
    assert mean_of([one]).empty == 1
    assert [layer.caption for layer in shape_pictures(one).layers] == ["Noisy points", "True surface"]


@pytest.mark.parametrize(("output", "iou", "chamfer"), [("occupancy", 0.85, 0.035), ("sdf", 0.7, 0.06)])
def test_one_shape_is_learned(output: str, iou: float, chamfer: float) -> None:
    """A chest, 20 steps: what is inside is known for nearly all places, and the mesh is near the surface."""
    made = recipe(
        f"network.output={output}", "points.symmetries=false", "trainer.batch_size=1", "points.queries=512"
    )
    torch.manual_seed(0)
    only = FurnitureShapes(FurnitureShapesConfig(shapes=1, first=11, surface_points=2000))
    sequence = ShapeBatchSequence(only, made, rank=0, world_size=1)
    model = ReconstructionModel(made)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    batches = [sequence[step] for step in range(5)]
    for step in range(20):
        losses = model(batches[step % 5], None)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    one = reconstruct_shape(model.eval(), only.shape(0), made, seed=0)
    assert one.iou > iou
    assert one.surface.chamfer_l1 < chamfer
    again = reconstruct_shape(model, only.shape(0), made, seed=0)
    assert again.surface == one.surface
    assert [layer.caption for layer in shape_pictures(one).layers][1] == "Reconstruction"


@pytest.mark.parametrize(
    "network",
    [
        {
            "in_channels": 6,
            "neighbours": 4,
            "edge_channels": [[8]],
            "fused_channels": 8,
            "head_channels": [8],
        },
        {
            "in_channels": 6,
            "seeds": [32, 8],
            "radii": [0.4, 0.8],
            "neighbours": [8, 8],
            "abstraction_channels": [[16], [16]],
            "propagation_channels": [[16]],
        },
    ],
)
def test_networks_over_points_take_the_place_of_the_sparse_unet(network: dict[str, object]) -> None:
    tree = recipe().model_dump(mode="json")
    tree["network"]["point_encoder"] = network
    made = ReconstructRecipe.model_validate(tree)
    assert ReconstructRecipe.model_validate(made.model_dump(mode="json")) == made
    model = ReconstructionModel(made)
    model(ShapeBatchSequence(SHAPES, made, rank=0, world_size=1)[0], None).total.backward()
    gradients = [parameter.grad for parameter in model.encoder.parameters()]
    assert any(gradient is not None and bool(gradient.abs().sum() > 0) for gradient in gradients)
    with pytest.raises(ValueError, match="starts from scratch"):
        ReconstructionModel(made.model_copy(update={"encoder_source": "runs/rooms-1"}))


def test_a_frozen_encoder_stays_as_it_is() -> None:
    made = recipe("freeze_encoder=true")
    model = ReconstructionModel(made).train()
    assert not model.encoder.training
    model(ShapeBatchSequence(SHAPES, made, rank=0, world_size=1)[0], None).total.backward()
    assert all(parameter.grad is None for parameter in model.encoder.parameters())
    assert model.join[0].weight.grad is not None  # pyright: ignore[reportAttributeAccessIssue]
