"""Learning-rate schedules for transformers: data, a pure function of the update, and a torch scheduler.

>>> import schedules
>>> schedule = schedules.build({"type": "cosine", "total_steps": 300, "warmup_steps": 40, "peak_lr": 3e-3})
>>> schedule.lr(40)
0.003

Importing this imports neither torch nor matplotlib; the names that need them import them when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from schedules.comparison import alike, common_prefix, distinct_updates, same_rates
from schedules.errors import ScheduleError
from schedules.families import FAMILIES, build
from schedules.findings import Finding
from schedules.identification import identify
from schedules.linter import lint
from schedules.parameters import Parameter
from schedules.schedule import Peak, Schedule
from schedules.terminal import preview_text

if TYPE_CHECKING:
    from schedules.diagnosis import Diagnosis, probe
    from schedules.groups import param_groups
    from schedules.noam_opt import NoamOpt
    from schedules.pictures import picture, plot, plot_rates
    from schedules.torch_scheduler import ScheduleLR, scheduler

__all__ = [
    "FAMILIES",
    "Diagnosis",
    "Finding",
    "NoamOpt",
    "Parameter",
    "Peak",
    "Schedule",
    "ScheduleError",
    "ScheduleLR",
    "alike",
    "build",
    "common_prefix",
    "distinct_updates",
    "identify",
    "lint",
    "param_groups",
    "picture",
    "plot",
    "plot_rates",
    "preview_text",
    "probe",
    "same_rates",
    "scheduler",
]

_NEEDS_TORCH_OR_MATPLOTLIB = {
    "Diagnosis": "schedules.diagnosis",
    "probe": "schedules.diagnosis",
    "NoamOpt": "schedules.noam_opt",
    "param_groups": "schedules.groups",
    "picture": "schedules.pictures",
    "plot": "schedules.pictures",
    "plot_rates": "schedules.pictures",
    "ScheduleLR": "schedules.torch_scheduler",
    "scheduler": "schedules.torch_scheduler",
}


def __getattr__(name: str) -> Any:
    if name not in _NEEDS_TORCH_OR_MATPLOTLIB:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_NEEDS_TORCH_OR_MATPLOTLIB[name]), name)
