"""Norms for each dataset: who is normalised by what, in batches of one dataset and of several."""

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ponder_encoders import (
    PointBatch,
    PPTSegmenter,
    PPTSegmenterConfig,
    SparseUNet,
    SparseUNetConfig,
    fold_condition,
    restore_plasticity,
)
from ponder_encoders.condition_norm import ConditionNorm
from ponder_encoders.conditions import SceneConditions
from ponder_encoders.sparse.backend import choose_backend
from ponder_encoders.sparse.tensor import SparseTensor, order_cells
from pydantic import ValidationError
from torch import Tensor

MakeBatch = Callable[..., PointBatch]
NAMES = ("rooms", "streets", "halls")


def config(context_channels: int = 5, renormalise: bool = False) -> SparseUNetConfig:
    return SparseUNetConfig(
        in_channels=4,
        base_channels=6,
        channels=(6, 8, 8, 7),
        layers=(1, 1, 1, 1),
        conditions=NAMES,
        context_channels=context_channels,
        renormalise=renormalise,
        norm_momentum=0.1,
        backend="torch",
    )


def unet(context_channels: int = 5, renormalise: bool = False) -> SparseUNet:
    """A network whose norms differ between conditions."""
    generator = torch.Generator().manual_seed(0)
    network = SparseUNet(config(context_channels, renormalise), generator=generator).double()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if ".norms." in name and value.is_floating_point() or ".modulation." in name:
                value.copy_(torch.rand(value.shape, generator=generator) * 0.4 + 0.4)
    return network


def doubled(batch: PointBatch) -> PointBatch:
    return PointBatch(grid_coord=batch.grid_coord, features=batch.features.double(), offsets=batch.offsets)


def scenes(batch: PointBatch, chosen: list[int]) -> PointBatch:
    ends = [0, *batch.offsets.tolist()]
    rows = torch.cat([torch.arange(ends[scene], ends[scene + 1]) for scene in chosen])
    lengths = torch.tensor([ends[scene + 1] - ends[scene] for scene in chosen])
    return PointBatch(
        grid_coord=batch.grid_coord[rows], features=batch.features[rows], offsets=lengths.cumsum(0)
    )


def scene_rows(batch: PointBatch, values: Tensor, chosen: list[int]) -> Tensor:
    ends = [0, *batch.offsets.tolist()]
    return torch.cat([values[ends[scene] : ends[scene + 1]] for scene in chosen])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    conditions=st.lists(st.sampled_from(NAMES), min_size=1, max_size=5),
    empty=st.integers(0, 5),
    training=st.booleans(),
    renormalise=st.booleans(),
)
def test_each_condition_is_as_in_a_batch_of_its_own(
    make_batch: MakeBatch, conditions: list[str], empty: int, training: bool, renormalise: bool
) -> None:
    counts = [0 if scene == empty and len(conditions) > 1 else 20 + scene for scene in range(len(conditions))]
    batch = doubled(make_batch(tuple(counts)))
    together, alone = (unet(renormalise=renormalise).train(training) for _ in range(2))
    features = together(batch, condition=conditions)
    for name in set(conditions):
        own = [scene for scene, condition in enumerate(conditions) if condition == name]
        if sum(counts[scene] for scene in own):
            expected = alone(scenes(batch, own), condition=name)
            torch.testing.assert_close(scene_rows(batch, features, own), expected)
    # Statistics of each condition come from its own points, and those of the others stay as they were.
    for (name, one), other in zip(together.state_dict().items(), alone.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, msg=name)


def test_an_absent_condition_is_left_untouched(make_batch: MakeBatch) -> None:
    network, batch = unet().train(), doubled(make_batch((30, 20)))
    before = copy.deepcopy(network.state_dict())
    network(batch, condition=("halls", "rooms")).square().sum().backward()
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, before[name]) == (".norms.1." in name), name
    for name, parameter in network.named_parameters():
        assert (parameter.grad is None) == (".norms.1." in name), name
    assert network.context_table is not None
    assert network.context_table.grad is not None
    assert network.context_table.grad.abs().sum(1).gt(0).tolist() == [True, False, True]


def plain_formula(
    norm: ConditionNorm, rows: Tensor, condition: int, context: Tensor, training: bool
) -> Tensor:
    """Normalise, scale, shift, and then scale and shift by the context, one after the other."""
    own = norm.norm_of(condition)
    mean, variance = own.running_mean, own.running_var
    if training:
        mean, variance = rows.mean(0), rows.var(0, unbiased=False)
    assert mean is not None
    assert variance is not None
    assert norm.modulation is not None
    normalised = (rows - mean) / (variance + own.eps).sqrt() * own.weight + own.bias
    shift, scale = (norm.modulation.weight @ context + norm.modulation.bias).chunk(2)
    return normalised * (1 + scale) + shift


@pytest.mark.parametrize("training", [False, True])
def test_outputs_and_gradients_are_those_of_the_plain_formula(make_batch: MakeBatch, training: bool) -> None:
    batch = doubled(make_batch((12, 9, 7), channels=3))
    cells = order_cells(batch).cells
    lengths = [12, 9, 7]

    def run(how: Callable[[ConditionNorm, Tensor, Tensor], Tensor]) -> list[Tensor]:
        generator = torch.Generator().manual_seed(3)
        norm = ConditionNorm(3, 2, 4, generator).double().train(training)
        with torch.no_grad():
            for parameter in norm.parameters():
                parameter.copy_(torch.rand(parameter.shape, generator=generator) + 0.3)
        rows = torch.randn(28, 3, generator=generator, dtype=torch.float64, requires_grad=True)
        context = torch.randn(2, 4, generator=generator, dtype=torch.float64, requires_grad=True)
        out = how(norm, rows, context)
        weights = torch.randn(out.shape, generator=generator, dtype=torch.float64)
        (out * weights).sum().backward()
        gradients = [parameter.grad for parameter in (rows, context, *norm.parameters())]
        assert all(gradient is not None for gradient in gradients)
        return [out.detach(), *(gradient for gradient in gradients if gradient is not None)]

    def ours(norm: ConditionNorm, rows: Tensor, context: Tensor) -> Tensor:
        tensor = SparseTensor(features=rows, cells=cells, backend=choose_backend("torch", rows.device))
        return norm(tensor, SceneConditions(scenes=(1, 0, 1), context=context))

    def expected(norm: ConditionNorm, rows: Tensor, context: Tensor) -> Tensor:
        first, second, third = rows.split(lengths)
        outer = plain_formula(norm, torch.cat([first, third]), 1, context[1], training)
        inner = plain_formula(norm, second, 0, context[0], training)
        return torch.cat([outer[:12], inner, outer[12:]])

    for one, other in zip(run(ours), run(expected), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("counts", [(5,), (4, 0, 3), (0, 0, 6, 0)])
def test_cells_of_each_scene_are_counted_at_every_resolution(
    make_batch: MakeBatch, counts: tuple[int, ...]
) -> None:
    cells = order_cells(make_batch(counts)).cells
    assert cells.scene_lengths(len(counts)) == counts
    coarse = cells.coarser().scene_lengths(len(counts))
    assert sum(coarse) == len(cells.coarser())
    assert [count > 0 for count in coarse] == [count > 0 for count in counts]


@pytest.mark.parametrize("context_channels", [0, 5])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("renormalise", [False, True])
def test_folding_changes_no_feature(
    make_batch: MakeBatch, context_channels: int, training: bool, renormalise: bool
) -> None:
    network, batch = unet(context_channels, renormalise).train(training), doubled(make_batch())
    plain = fold_condition(network, "streets")
    assert plain.config.conditions == ()
    for _ in range(2):  # in training, the second pass sees the statistics that the first has left
        torch.testing.assert_close(plain(batch), network(batch, condition="streets"))
    assert not {id(value) for value in plain.state_dict(keep_vars=True).values()} & {
        id(value) for value in network.state_dict(keep_vars=True).values()
    }


def test_what_has_no_such_condition_is_not_folded(make_batch: MakeBatch) -> None:
    with pytest.raises(ValueError, match="no condition 'attics'.*rooms, streets, halls"):
        fold_condition(unet(), "attics")
    with pytest.raises(ValueError, match="has no conditions: leave out 'rooms'"):
        fold_condition(SparseUNet(SparseUNetConfig.tiny()), "rooms")


@pytest.mark.parametrize("training", [False, True])
def test_restored_plasticity_keeps_the_features_of_every_condition(
    make_batch: MakeBatch, training: bool
) -> None:
    before, batch = unet().train(training), doubled(make_batch((30, 25, 20)))
    with torch.no_grad():
        for module in before.modules():
            if hasattr(module, "eps"):
                module.eps = 1e-12  # the constant is the one thing that does not scale
        before.stem.convolution.weight.mul_(3)
        for norm in before.stem.norm.norms:  # type: ignore[union-attr]
            norm.running_var.mul_(9)  # type: ignore[union-attr]
    after = copy.deepcopy(before)
    restore_plasticity(after)
    assert not torch.equal(after.stem.convolution.weight, before.stem.convolution.weight)
    for _ in range(2):
        torch.testing.assert_close(after(batch, NAMES), before(batch, NAMES), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (None, "norms for each of rooms, streets, halls: say which"),
        ("attics", "no condition 'attics': this network has norms for rooms, streets, halls"),
        (("rooms", "attics"), "no condition 'attics'"),
        (("rooms",), "1 conditions for 2 scenes"),
        (("rooms", "halls", "halls"), "3 conditions for 2 scenes"),
    ],
)
def test_a_missing_or_unknown_condition_names_those_that_exist(
    make_batch: MakeBatch, condition: str | tuple[str, ...] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        unet()(doubled(make_batch()), condition)


def test_a_plain_network_treats_every_dataset_alike(make_batch: MakeBatch) -> None:
    plain, batch = SparseUNet(SparseUNetConfig.tiny(in_channels=4)).eval(), make_batch()
    assert torch.equal(plain(batch), plain(batch, condition="anything"))


def test_configurations_that_make_no_sense() -> None:
    with pytest.raises(ValidationError, match="conditions must differ"):
        SparseUNetConfig(conditions=("rooms", "rooms"))
    with pytest.raises(ValidationError, match="context_channels is 8, but there are no conditions"):
        SparseUNetConfig(context_channels=8)


def segmenter(**changes: object) -> PPTSegmenter:
    classes = {"rooms": (0, 2), "streets": (4, 1, 3), "halls": (2,)}
    given = {"encoder": config(), "classes": classes, **changes}
    table = torch.randn(5, 9, generator=torch.Generator().manual_seed(1)) * 3
    return PPTSegmenter(
        PPTSegmenterConfig.model_validate(given), table, generator=torch.Generator().manual_seed(2)
    )


def test_logits_are_scaled_cosines_with_the_classes_of_each_condition(make_batch: MakeBatch) -> None:
    model, batch = segmenter(logit_scale=50.0).eval(), make_batch((20, 30))
    logits = model.scene_logits(batch, ("streets", "rooms"))
    assert [tuple(scene.shape) for scene in logits] == [(20, 3), (30, 2)]
    alone = model(scenes(batch, [0]), "streets")
    torch.testing.assert_close(logits[0], alone, rtol=1e-4, atol=1e-4)
    points = model.projection(model.encoder(scenes(batch, [0]), "streets"))
    cosine = F.cosine_similarity(points[:, None], model.class_table[[4, 1, 3]][None], dim=2)
    torch.testing.assert_close(alone, 50 * cosine, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model.class_table.norm(dim=1), torch.ones(5))
    alone.sum().backward()
    assert model.projection.weight.grad is not None


def test_a_segmenter_says_what_does_not_fit(make_batch: MakeBatch) -> None:
    with pytest.raises(ValidationError, match="classes are for rooms, but the encoder's conditions are"):
        segmenter(classes={"rooms": (0,)})
    with pytest.raises(ValidationError, match="at least one class"):
        segmenter(classes={"rooms": (0,), "streets": (), "halls": (1,)})
    with pytest.raises(ValueError, match="name row 5 of the class table"):
        segmenter(classes={"rooms": (5,), "streets": (1,), "halls": (1,)})
    with pytest.raises(ValueError, match="no condition 'attics'"):
        segmenter()(make_batch(), "attics")
    with pytest.raises(ValueError, match="2 scenes need one condition each"):
        segmenter().scene_logits(make_batch(), "rooms")
