"""The field at many samples: chunked against plain autograd, and normals against finite differences."""

from collections.abc import Callable

import pytest
import torch
from ponder_render import (
    FeatureVolume,
    FieldConfig,
    NeuralField,
    Placement,
    RayBundle,
    evaluate_field,
    evaluate_field_reference,
    place,
)
from ponder_render.evaluation.deferred import PlainSemantics, SampleRays
from ponder_render.evaluation.evaluate import FlatValues, evaluate_sdf
from ponder_render.evaluation.placement import join_placements
from ponder_render.volume.corners import Border
from torch import Tensor

MakeVolume = Callable[..., FeatureVolume]
MakeRays = Callable[..., RayBundle]

CONFIGS = {
    "default": FieldConfig(hidden=8, semantic_channels=3, beta=10),
    "published indoor": FieldConfig(
        hidden=8,
        sdf_layers=1,
        color_layers=0,
        geometry_channels=4,
        appearance_channels=3,
        semantic_channels=12,
        semantic_layers=0,
        coordinate="none",
        beta=10,
    ),
    "channels apart": FieldConfig(
        hidden=6,
        color_layers=1,
        geometry_channels=2,
        appearance_channels=2,
        semantic_channels=3,
        semantic_layers=1,
        beta=10,
    ),
    "channels apart, linear heads": FieldConfig(
        hidden=6,
        color_layers=0,
        geometry_channels=0,
        appearance_channels=2,
        semantic_channels=3,
        semantic_layers=0,
        beta=10,
    ),
    "deep": FieldConfig(
        hidden=6, sdf_layers=4, color_layers=3, semantic_channels=2, semantic_layers=2, beta=10
    ),
    "linear": FieldConfig(sdf_layers=0, color_layers=0, semantic_channels=2, semantic_layers=0),
    "linear SDF": FieldConfig(hidden=5, sdf_layers=0, color_layers=2, semantic_channels=2),
    "without geometry feature": FieldConfig(
        hidden=5, color_layers=1, geometry_channels=0, semantic_channels=2, semantic_layers=0, beta=10
    ),
    "geometry only": FieldConfig(hidden=8, color_layers=None, beta=10),
    "semantics only": FieldConfig(
        hidden=8, color_layers=None, semantic_channels=3, semantic_layers=0, beta=10
    ),
    "cell coordinates": FieldConfig(hidden=8, coordinate="cell", beta=10),
    "features only": FieldConfig(
        hidden=8, coordinate="none", semantic_channels=3, semantic_layers=0, beta=10
    ),
}


@pytest.fixture(params=CONFIGS.values(), ids=list(CONFIGS))
def field(request: pytest.FixtureRequest) -> NeuralField:
    torch.manual_seed(0)
    return NeuralField(request.param, channels=4 + request.param.appearance_channels).double()


@pytest.fixture
def appearance(field: NeuralField, volume: FeatureVolume) -> Tensor | None:
    """Values of the channels that the heads have to themselves."""
    if not field.config.appearance_channels:
        return None
    shape = volume.table.shape[0], field.config.appearance_channels
    generator = torch.Generator().manual_seed(7)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


@pytest.fixture
def volume(make_volume: MakeVolume) -> FeatureVolume:
    return make_volume()


@pytest.fixture
def rays(make_rays: MakeRays, volume: FeatureVolume) -> RayBundle:
    return make_rays(volume, 6)


def place_samples(
    field: NeuralField, volume: FeatureVolume, rays: RayBundle, border: Border = "clamp"
) -> Placement:
    distance = torch.rand(len(rays), 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    return place(volume, rays, 2 * distance, field.config.coordinate, border)


def shuffled_rays(placement: Placement, rays: RayBundle) -> tuple[SampleRays, Tensor]:
    """Samples dealt out to the rays and one more, which gets none; with a weight each."""
    generator = torch.Generator().manual_seed(5)
    index = torch.randint(len(rays), (len(placement),), generator=generator)
    weights = torch.rand(len(placement), dtype=torch.float64, generator=generator)
    return SampleRays(index=index, count=len(rays) + 1), weights.requires_grad_()


def columns(values: FlatValues, weights: Tensor | None = None) -> list[Tensor]:
    found = [v for v in (values.sdf, values.gradient, values.color) if v is not None]
    if values.semantic is None:
        return found
    weights = torch.ones_like(values.sdf) if weights is None else weights
    return [*found, values.semantic.composite(weights)]


def gradients(outputs: list[Tensor], inputs: list[Tensor]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    seeds = [torch.randn(v.shape, dtype=v.dtype, generator=generator) for v in outputs]
    return torch.autograd.grad(outputs, inputs, seeds, allow_unused=True, materialize_grads=True)


@pytest.mark.parametrize("border", ["clamp", "zeros"])
@pytest.mark.parametrize("recompute", [False, True], ids=["keep", "recompute"])
@pytest.mark.parametrize("chunk", [4, 1000])
def test_fast_and_plain_agree_in_values_and_gradients(
    field: NeuralField,
    volume: FeatureVolume,
    appearance: Tensor | None,
    rays: RayBundle,
    chunk: int,
    recompute: bool,
    border: Border,
) -> None:
    placement = place_samples(field, volume, rays, border)
    along, weights = shuffled_rays(placement, rays)
    table = volume.table.requires_grad_()
    inputs = [table, *([] if appearance is None else [appearance]), weights, *field.parameters()]
    plain = columns(evaluate_field_reference(field, table, placement, along, appearance), weights)
    found = evaluate_field(field, table, placement, chunk, recompute, along, appearance=appearance)
    fast = columns(found, weights)
    for a, b in zip(fast, plain, strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=1e-10)
    for a, b in zip(gradients(fast, inputs), gradients(plain, inputs), strict=True):
        torch.testing.assert_close(a, b, atol=1e-11, rtol=1e-9)


def test_each_output_alone_gives_the_plain_gradients(
    field: NeuralField, volume: FeatureVolume, appearance: Tensor | None, rays: RayBundle
) -> None:
    """Losses that leave some of the outputs out, also in turns on one graph."""
    placement = place_samples(field, volume, rays)
    along, weights = shuffled_rays(placement, rays)
    table = volume.table.requires_grad_()
    inputs = [table, *([] if appearance is None else [appearance]), weights, *field.parameters()]
    plain = columns(evaluate_field_reference(field, table, placement, along, appearance), weights)
    fast = columns(evaluate_field(field, table, placement, rays=along, appearance=appearance), weights)
    for a, b in zip(fast, plain, strict=True):
        for found, expected in zip(
            *(
                torch.autograd.grad(
                    one.square().sum(), inputs, retain_graph=True, allow_unused=True, materialize_grads=True
                )
                for one in (a, b)
            ),
            strict=True,
        ):
            torch.testing.assert_close(found, expected, atol=1e-11, rtol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_semantics_are_summed_once(make_volume: MakeVolume, make_rays: MakeRays, dtype: torch.dtype) -> None:
    volume = make_volume(dtype=dtype)
    field = NeuralField(CONFIGS["features only"], channels=4).to(dtype)
    placement = place(volume, make_rays(volume, 6), torch.rand(6, 5, dtype=dtype), "none")
    semantic = evaluate_field(field, volume.table, placement).semantic
    assert semantic is not None
    one_by_one = semantic.composite(torch.ones(len(placement), dtype=dtype))
    plain = evaluate_field_reference(field, volume.table, placement).semantic
    assert isinstance(plain, PlainSemantics)
    torch.testing.assert_close(one_by_one, plain.values)
    with pytest.raises(ValueError, match="composited once"):
        semantic.composite(torch.ones(len(placement), dtype=dtype))


def test_no_samples_at_all(
    field: NeuralField, volume: FeatureVolume, appearance: Tensor | None, rays: RayBundle
) -> None:
    placement = place_samples(field, volume, rays).slice(0, 0)
    along = SampleRays(index=torch.zeros(0, dtype=torch.long), count=2)
    table = volume.table.requires_grad_()
    outputs = columns(evaluate_field(field, table, placement, rays=along, appearance=appearance))
    assert all(output.shape[0] == 0 for output in outputs[:2])
    grads = torch.autograd.grad(
        torch.stack([v.sum() for v in outputs]).sum(), list(field.parameters()), allow_unused=True
    )
    assert not any(bool(grad.any()) for grad in grads if grad is not None)


def test_the_normal_agrees_with_finite_differences(
    field: NeuralField, volume: FeatureVolume, appearance: Tensor | None, rays: RayBundle
) -> None:
    """World units, anisotropic boxes and cells, whatever coordinate the field reads."""
    distance = torch.rand(len(rays), 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    placement = place(volume, rays, distance, field.config.coordinate)
    found = evaluate_field(field, volume.table, placement, appearance=appearance).gradient
    step = 1e-6
    for axis in range(3):
        sides = []
        for sign in (1, -1):
            origin = rays.origin.clone()
            origin[:, axis] += sign * step
            moved = RayBundle(origin=origin, direction=rays.direction, volume_index=rays.volume_index)
            sides.append(evaluate_sdf(field, place(volume, moved, distance, field.config.coordinate)))
        torch.testing.assert_close(found[:, axis], (sides[0] - sides[1]) / (2 * step), atol=1e-6, rtol=1e-5)


def test_gradcheck_of_the_whole_evaluation(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    volume = make_volume(channels=2, shape=(3, 2, 2), batch=1)
    torch.manual_seed(0)
    config = FieldConfig(
        hidden=3, sdf_layers=2, color_layers=1, geometry_channels=1, semantic_channels=2, beta=5
    )
    field = NeuralField(config, channels=2).double()
    rays = make_rays(volume, 2)
    distance = torch.tensor([[0.3, 0.8], [0.2, 0.5]], dtype=torch.float64)

    def evaluate(table: Tensor, *parameters: Tensor) -> list[Tensor]:
        for parameter, value in zip(field.parameters(), parameters, strict=True):
            assert parameter is value
        now = FeatureVolume(table=table, shape=volume.shape, bounds=volume.bounds, count=volume.count)
        return columns(evaluate_field(field, table, place(now, rays, distance), chunk=3))

    torch.autograd.gradcheck(evaluate, (volume.table.requires_grad_(), *field.parameters()))


def test_the_sdf_alone_is_that_of_the_full_evaluation(
    field: NeuralField, volume: FeatureVolume, appearance: Tensor | None, rays: RayBundle
) -> None:
    placement = place_samples(field, volume, rays)
    full = evaluate_field(field, volume.table, placement, appearance=appearance).sdf
    torch.testing.assert_close(evaluate_sdf(field, placement, chunk=8), full)


def test_frozen_parts_get_no_gradient(volume: FeatureVolume, rays: RayBundle) -> None:
    torch.manual_seed(0)
    field = NeuralField(CONFIGS["default"], channels=4).double()
    placement = place_samples(field, volume, rays)
    field.geometry_net.requires_grad_(False)
    evaluate_field(field, volume.table, placement).sdf.sum().backward()
    assert all(p.grad is None for p in field.geometry_net.parameters())
    table = volume.table.requires_grad_()
    field.requires_grad_(False)
    evaluate_field(field, table, placement).sdf.sum().backward()
    assert table.grad is not None
    assert bool(table.grad.any())


def test_placements_join_in_order(volume: FeatureVolume, rays: RayBundle) -> None:
    field = NeuralField(CONFIGS["default"], channels=4).double()
    whole = place_samples(field, volume, rays)
    joined = join_placements([whole.slice(0, 11), whole.slice(11, len(whole))])
    assert torch.equal(joined.feature, whole.feature)
    assert torch.equal(joined.corners.rows, whole.corners.rows)
    assert torch.equal(joined.direction, whole.direction)


def test_before_training_there_is_a_little_free_space_and_gradients_live(make_volume: MakeVolume) -> None:
    torch.manual_seed(0)
    config = FieldConfig()
    field = NeuralField(config, channels=16)
    volume = make_volume(channels=16, shape=(8, 8, 8), dtype=torch.float32)
    coordinate = torch.rand(500, 3) * 2 - 1
    feature = volume.table[:500]
    sdf = field.sdf(coordinate, feature)
    assert sdf.mean().item() == pytest.approx(config.initial_sdf, abs=0.15)
    assert 0.01 < sdf.std().item() < 0.5
    sdf.sum().backward()
    for parameter in field.geometry_net.hidden.parameters():
        assert parameter.grad is not None
        assert bool(parameter.grad.any())


def test_channels_of_the_heads_alone_must_be_given(volume: FeatureVolume, rays: RayBundle) -> None:
    field = NeuralField(CONFIGS["channels apart"], channels=6).double()
    with pytest.raises(
        ValueError, match="the field's heads read 2 channels of their own but appearance has 0"
    ):
        evaluate_field(field, volume.table, place_samples(field, volume, rays))


def test_heads_cannot_have_all_channels() -> None:
    with pytest.raises(ValueError, match="appearance_channels = 2 of a volume of 2 channels leaves none"):
        NeuralField(CONFIGS["channels apart"], channels=2)
    with pytest.raises(ValueError, match="need sdf_layers >= 1"):
        FieldConfig(sdf_layers=0, appearance_channels=2)
