"""Compatibility modes: the same family as a named library computes it, update by update.

A mode reproduces its source exactly; a parameter that the source does not have is refused. ``native`` is ours.
"""

from collections.abc import Mapping
from typing import Any

from schedules.modes import fairseq, hf, megatron, nanogpt, optax, timm, torch, torchtitan
from schedules.modes.reproduction import F64, Reproduction
from schedules.parameters import Choice

NATIVE = "native"

MODES: Mapping[str, Mapping[str, Reproduction]] = {
    "hf": hf.FAMILIES,
    "hf_cosine_warmup_with_min_lr": hf.WITH_MIN_LR,
    "torchtitan": torchtitan.FAMILIES,
    "nanogpt": nanogpt.FAMILIES,
    "megatron": megatron.FAMILIES,
    "fairseq": fairseq.FAMILIES,
    "torch": torch.FAMILIES,
    "torch_chained": torch.CHAINED,
    "optax": optax.FAMILIES,
    "timm": timm.FAMILIES,
    "timm_prefix": timm.PREFIXED,
}


def constraint(family: str) -> Choice:
    """Return what the field ``mode`` of this family may hold."""
    names = tuple(name for name, families in MODES.items() if family in families)
    return Choice("Whose convention the rates follow.", (NATIVE, *names))


def rates(schedule: Any, steps: F64) -> F64:
    """Return the rates [N] of a schedule at updates ``steps`` [N], in its mode other than native."""
    return MODES[schedule.mode][schedule.type].rates(schedule, steps)


def check(schedule: Any) -> None:
    """Raise ScheduleError where a parameter is set that the mode's source does not have."""
    if schedule.mode != NATIVE:
        MODES[schedule.mode][schedule.type].check(schedule)
