"""What a run is called and labelled with: in MLflow its name, params and tags, in the log its ids."""

from typing import Any

from service.wire.protocol import Lease


def about(lease: Lease, action: str) -> dict[str, object]:
    """What a line of the log that is about a run carries: the action, and the ids."""
    return {"action": action, "run_id": lease.run_id, "sweep_id": lease.sweep_id}


def run_name(lease: Lease) -> str:
    """A name for people: trial, schedule type, warmup, peak, seed."""
    schedule = lease.schedule
    parts = [f"#{lease.trial}", str(schedule["type"]), f"w{schedule.get('warmup_steps', 0)}"]
    if "peak_lr" in schedule:
        parts.append(f"p{schedule['peak_lr']:.2e}")
    return " ".join([*parts, f"s{lease.seed}"])


def lease_params(lease: Lease) -> dict[str, Any]:
    """Every field of the configuration, flat; the schedule's own fields stand at the top, its type as `schedule`."""
    own = {"schedule" if key == "type" else key: value for key, value in lease.schedule.items()}
    model = {f"model.{key}": value for key, value in lease.model.model_dump().items()}
    optimizer = {f"optimizer.{key}": value for key, value in lease.optimizer.model_dump().items()}
    data = {
        "data.corpus": lease.corpus_name,
        "data.digest": lease.corpus,
        "data.batch_size": lease.batch_size,
        "data.val_windows": lease.val_windows,
    }
    return own | model | optimizer | data | {"seed": lease.seed, "eval_every": lease.eval_every}


def lease_tags(lease: Lease) -> dict[str, str]:
    """What people filter by."""
    return {
        "mlflow.user": lease.user,
        "mlflow.source.name": "rampline",
        "rampline.kind": "run",
        "rampline.run_id": str(lease.run_id),
        "rampline.attempt": str(lease.attempt),
        "rampline.sweep": str(lease.sweep_id),
        "rampline.sweep_name": lease.sweep_name,
        "rampline.trial": str(lease.trial),
        "rampline.replicate": str(lease.replicate),
        "rampline.team": lease.team,
        "rampline.user": lease.user,
        "rampline.schedule": str(lease.schedule["type"]),
    }
