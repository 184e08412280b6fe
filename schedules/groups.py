"""AdamW's parameter groups by the kind of each parameter, never by its name."""

from typing import Any

from torch import nn

_NORMS = (
    nn.LayerNorm,
    nn.RMSNorm,
    nn.GroupNorm,
    nn.modules.batchnorm._NormBase,  # the one base of all batch and instance norms
)
_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


def param_groups(model: nn.Module, weight_decay: float, *, decay_embeddings: bool = False) -> list[dict[str, Any]]:
    """Return two groups for an optimizer: the matrices with ``weight_decay``, and all else with none.

    Without decay go parameters of at most one dimension (biases, gains and scales, whatever they are called), all
    parameters of a norm, and those of an embedding unless ``decay_embeddings``; a matrix tied to an embedding is an
    embedding. Frozen parameters are in no group, shared ones in one, and an empty group is left out.
    Raises ValueError for a negative ``weight_decay``.

    >>> from torch import nn
    >>> [len(group["params"]) for group in param_groups(nn.TransformerEncoderLayer(8, 2), 0.1)]
    [4, 8]
    """
    if weight_decay < 0:
        raise ValueError(f"weight_decay = {weight_decay} is negative; give 0 or more")
    exempt = _EMBEDDINGS if not decay_embeddings else ()
    spared = {
        parameter
        for module in model.modules()
        if isinstance(module, (*_NORMS, *exempt))
        for parameter in module.parameters(recurse=False)
    }
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in trained if parameter.ndim > 1 and parameter not in spared]
    kept = set(decayed)
    rest = [parameter for parameter in trained if parameter not in kept]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
