import math
from dataclasses import replace

import pytest
import torch
from ponder_render import FieldValues, RayTargets, Rendered, RenderingLossConfig, Samples, rendering_losses
from ponder_render.semantics import SemanticForm, cosine_error, semantic_error, similarity_entropy
from torch import Tensor

RAYS, CHANNELS, CLASSES = 7, 5, 4
TEMPERATURE = 0.3


@pytest.fixture
def embedding() -> Tensor:
    return torch.randn(RAYS, CHANNELS, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def class_table() -> Tensor:
    return torch.randn(CLASSES, CHANNELS, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


LABEL = torch.tensor([0, 3, -1, 1, 0, 2, -1])


def cosine(a: list[float], b: list[float]) -> float:
    length = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / length


def rendered_with(semantic: Tensor, valid: Tensor | None = None) -> tuple[Rendered, RayTargets]:
    """Rays of two samples without a sensed distance, so that the semantics alone matter."""
    rays, like = len(semantic), semantic.detach()
    start = torch.tensor([[1.0, 1.5]]).to(like).expand(rays, 2)
    valid = torch.ones(rays, dtype=torch.bool) if valid is None else valid
    rendered = Rendered(
        color=None,
        distance=like[:, 0],
        normal=like[:, :3],
        semantic=semantic,
        opacity=like[:, 0],
        weights=like[:, :2],
        samples=Samples(start=start, end=start + 0.5, distance=start, valid=valid),
        values=FieldValues(sdf=like[:, :2], gradient=like.new_ones(rays, 2, 3), color=None),
    )
    targets = RayTargets(color=like.new_zeros(rays, 3), distance=like.new_zeros(rays), semantic=LABEL[:rays])
    return rendered, targets


@pytest.mark.parametrize("form", ["cosine", "similarity"])
def test_the_loss_agrees_with_a_loop(embedding: Tensor, class_table: Tensor, form: SemanticForm) -> None:
    valid = torch.tensor([True, True, True, True, True, False, True])
    errors = []
    for ray in range(RAYS):
        if LABEL[ray] < 0 or not valid[ray]:
            continue
        similarity = [cosine(embedding[ray].tolist(), row.tolist()) for row in class_table]
        own = similarity[int(LABEL[ray])]
        if form == "cosine":
            errors.append(1 - own)
        else:
            total = sum(math.exp(s / TEMPERATURE) for s in similarity)
            errors.append(-math.log(math.exp(own / TEMPERATURE) / total))
    rendered, targets = rendered_with(embedding, valid)
    config = RenderingLossConfig(semantic_form=form, temperature=TEMPERATURE)
    found = rendering_losses(rendered, targets, config, class_table).named()["semantic"]
    assert found == pytest.approx(sum(errors) / len(errors))


@pytest.mark.parametrize("form", ["cosine", "similarity", "classes"])
def test_rays_of_one_class_are_no_negatives_of_each_other(
    embedding: Tensor, class_table: Tensor, form: SemanticForm
) -> None:
    """Neither a ray's error nor its gradient depends on the other rays, whatever their classes."""
    table = class_table[:, :CLASSES]
    embedding = embedding[:, :CLASSES].clone().requires_grad_()
    together = semantic_error(embedding, LABEL, form, table, TEMPERATURE)
    (gradient,) = torch.autograd.grad(together[LABEL >= 0].sum(), embedding)
    for ray in (LABEL >= 0).nonzero()[:, 0].tolist():
        one = embedding[ray : ray + 1].detach().requires_grad_()
        alone = semantic_error(one, LABEL[ray : ray + 1], form, table, TEMPERATURE)
        torch.testing.assert_close(alone[0], together[ray])
        torch.testing.assert_close(torch.autograd.grad(alone.sum(), one)[0][0], gradient[ray])
    assert not bool(gradient[LABEL < 0].any())


@pytest.mark.parametrize("form", ["cosine", "similarity"])
def test_class_zero_is_learned_and_unknown_rays_are_not(class_table: Tensor, form: SemanticForm) -> None:
    semantic = torch.randn(RAYS, CHANNELS, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    semantic.requires_grad_()
    rendered, targets = rendered_with(semantic)
    label = torch.tensor([0, -1, -1, -1, -1, -1, -1])
    config = RenderingLossConfig(semantic_form=form)
    losses = rendering_losses(rendered, replace(targets, semantic=label), config, class_table)
    (gradient,) = torch.autograd.grad(losses.total, semantic)
    assert bool(gradient[0].any())
    assert not bool(gradient[1:].any())


@pytest.mark.parametrize("form", ["cosine", "similarity"])
def test_following_the_gradient_ends_at_the_own_class(class_table: Tensor, form: SemanticForm) -> None:
    semantic = torch.full((CLASSES, CHANNELS), 0.1, dtype=torch.float64, requires_grad=True)
    label = torch.arange(CLASSES)
    optimizer = torch.optim.Adam([semantic], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        semantic_error(semantic, label, form, class_table, 0.07).sum().backward()
        optimizer.step()
    nearest = torch.nn.functional.cosine_similarity(semantic[:, None], class_table[None], dim=2)
    assert nearest.argmax(dim=1).tolist() == label.tolist()


def test_only_directions_matter(embedding: Tensor, class_table: Tensor) -> None:
    label = LABEL.clamp(min=0)
    torch.testing.assert_close(
        cosine_error(3 * embedding, label, 5 * class_table), cosine_error(embedding, label, class_table)
    )
    torch.testing.assert_close(
        similarity_entropy(3 * embedding, label, 5 * class_table, 0.1),
        similarity_entropy(embedding, label, class_table, 0.1),
    )


def test_gradients(embedding: Tensor, class_table: Tensor) -> None:
    label = LABEL.clamp(min=0)
    embedding.requires_grad_()
    torch.autograd.gradcheck(lambda e: cosine_error(e, label, class_table), embedding)
    torch.autograd.gradcheck(lambda e: similarity_entropy(e, label, class_table, 0.3), embedding)


def test_a_ray_that_renders_nothing_has_a_small_gradient(class_table: Tensor) -> None:
    nothing = torch.zeros(1, CHANNELS, dtype=torch.float64, requires_grad=True)
    for form in ("cosine", "similarity"):
        error = semantic_error(nothing, LABEL[:1], form, class_table, 1.0)
        (gradient,) = torch.autograd.grad(error.sum(), nothing)
        assert bool(torch.isfinite(gradient).all())
        assert gradient.norm() <= 200


def test_what_does_not_fit_together_is_an_error(embedding: Tensor, class_table: Tensor) -> None:
    with pytest.raises(ValueError, match="semantic_form = cosine compares with a class table"):
        semantic_error(embedding, LABEL, "cosine", None, 1.0)
    with pytest.raises(ValueError, match="table has 4 channels but rays render 5"):
        semantic_error(embedding, LABEL, "similarity", class_table[:, :4], 1.0)
    with pytest.raises(ValueError, match="class 3 but the class table has 2 rows"):
        semantic_error(embedding, LABEL, "cosine", class_table[:2], 1.0)


def test_without_weight_no_table_is_asked_for(embedding: Tensor) -> None:
    rendered, targets = rendered_with(embedding)
    config = RenderingLossConfig(semantic=0, semantic_form="cosine")
    assert "semantic" not in rendering_losses(rendered, targets, config).named()
