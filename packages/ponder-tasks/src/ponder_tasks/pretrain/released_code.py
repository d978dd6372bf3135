"""What the published PonderV2 code does otherwise than its paper: each a named flag, all off unless asked for.

They exist so that published weights and figures can be compared with; none makes better encoders that we know of.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from ponder_data import Batch
from ponder_data.scene import IGNORE_LABEL
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor


class ReleasedCodeConfig(BaseModel):
    """Which of the published code's ways to follow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_condition_only: bool = Field(
        default=False, description="norms of the first scene's dataset for the whole batch"
    )
    class_zero_ignored: bool = Field(
        default=False, description="class 0 (wall) is left out of the rendered semantics"
    )
    rays_as_negatives: bool = Field(
        default=False,
        description="rendered semantics are told from those of all other rays, also of the same class",
    )
    language_loss_untrained: bool = Field(
        default=False, description="the language loss of points is reported but not trained"
    )


def conditions_of(batch: Batch, config: ReleasedCodeConfig) -> tuple[str, ...]:
    """Return whose norms each scene of ``batch`` takes."""
    if config.first_condition_only:
        return batch.conditions[:1] * len(batch)
    return batch.conditions


def semantic_labels(label: Int[Tensor, " rays"], config: ReleasedCodeConfig) -> Int[Tensor, " rays"]:
    """Return the classes of rays that count in the rendered semantics; -1 for the others."""
    return label.masked_fill(label == 0, IGNORE_LABEL) if config.class_zero_ignored else label


def contrast_of_rays(
    rendered: Float[Tensor, "rays channels"],
    label: Int[Tensor, " rays"],
    class_table: Float[Tensor, "classes channels"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Cross-entropy of each labelled ray's own target among the targets of all labelled rays.

    ``-log softmax_k(cos(l_i, e_c(k)) / temperature)[i]``, averaged over rays ``i``: where several rays show one class,
    all but one of their identical targets count as wrong. 0 where no ray is labelled.
    """
    labelled = label != IGNORE_LABEL
    if not bool(labelled.any()):
        return rendered.sum() * 0.0
    unit = F.normalize(rendered[labelled], dim=1)
    target = F.normalize(class_table.to(rendered), dim=1)[label[labelled].long()]
    own = torch.arange(len(unit), device=unit.device)
    return F.cross_entropy(unit @ target.t() / temperature, own)
