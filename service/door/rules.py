"""What of MLflow is open to whom: the list of its calls that pass the door. A call that is not listed is an admin's.

A test compares it with what the installed MLflow answers to, so that a new call of a new MLflow is looked at first.
"""

from dataclasses import dataclass
from typing import Literal

from service.wire.tokens import Role

# How a call of somebody who belongs to a team is held to it. An admin's and a worker's calls pass as they are.
#   open         it tells nothing of anybody's data
#   experiments  it names experiments, all of which must be the team's
#   runs         it names runs, all of which must be of experiments of the team
#   files        its path, or its parameter `path`, begins with the id of an experiment
#   found        it finds experiments; those of other teams are left out of the answer
#   graphql      a GraphQL query whose every field asks as one of the above does
#   none         what it tells Rampline does not use: answered here with nothing
Held = Literal["open", "experiments", "runs", "files", "found", "graphql", "none"]


@dataclass(frozen=True)
class Rule:
    """How a call is held to a team, the roles of which it needs one, and the fields that it may have, if not all."""

    held: Held
    roles: tuple[Role, ...] = ("viewer",)
    fields: frozenset[str] | None = None


_PEOPLE: tuple[Role, ...] = ("viewer",)
_WORKERS: tuple[Role, ...] = ("worker",)
_BOTH: tuple[Role, ...] = ("viewer", "worker")
_CHANGING: tuple[Role, ...] = ("member",)
_RENAMING = frozenset({"run_id", "run_uuid", "run_name"})

# By method and path; `/ajax-api/`, as the pages call it, is `/api/` here. A star stands for the rest of a path.
RULES: dict[str, Rule] = {
    # The pages themselves, and what they ask of the server.
    "GET /": Rule("open"),
    "GET /static-files/*": Rule("open"),
    "GET /version": Rule("open", _BOTH),
    "GET /api/3.0/mlflow/server-info": Rule("open", _BOTH),
    "GET /api/3.0/mlflow/ui-telemetry": Rule("open"),
    "POST /api/3.0/mlflow/ui-telemetry": Rule("none"),
    # Looking at sweeps.
    "GET /api/2.0/mlflow/experiments/get": Rule("experiments"),
    "GET /api/2.0/mlflow/experiments/get-by-name": Rule("found", _BOTH),
    "GET /api/2.0/mlflow/experiments/search": Rule("found"),
    "POST /api/2.0/mlflow/experiments/search": Rule("found"),
    "POST /api/2.0/mlflow/experiments/search-datasets": Rule("experiments"),
    "GET /api/2.0/mlflow/runs/get": Rule("runs", _BOTH),
    "POST /api/2.0/mlflow/runs/search": Rule("experiments", _BOTH),
    "GET /api/2.0/mlflow/metrics/get-history": Rule("runs"),
    "GET /api/2.0/mlflow/metrics/get-history-bulk": Rule("runs"),
    "GET /api/2.0/mlflow/metrics/get-history-bulk-interval": Rule("runs"),
    "GET /api/2.0/mlflow/artifacts/list": Rule("runs", _BOTH),
    "GET /get-artifact": Rule("runs"),
    "GET /api/2.0/mlflow-artifacts/artifacts": Rule("files"),
    "GET /api/2.0/mlflow-artifacts/artifacts/*": Rule("files"),
    "POST /api/2.0/mlflow/logged-models/search": Rule("experiments"),
    "POST /graphql": Rule("graphql"),
    # What the pages ask for and Rampline has none of.
    "GET /api/2.0/mlflow/model-versions/search": Rule("none"),
    "GET /api/2.0/mlflow/registered-models/search": Rule("none"),
    "POST /api/3.0/mlflow/traces/search": Rule("none"),
    # Remarks of members on their own runs.
    "POST /api/2.0/mlflow/experiments/set-experiment-tag": Rule("experiments", _CHANGING),
    "POST /api/2.0/mlflow/runs/set-tag": Rule("runs", ("member", "worker")),
    "POST /api/2.0/mlflow/runs/delete-tag": Rule("runs", _CHANGING),
    "POST /api/2.0/mlflow/runs/update": Rule("runs", ("member", "worker"), _RENAMING),
    # What workers log.
    "POST /api/2.0/mlflow/experiments/create": Rule("open", _WORKERS),
    "POST /api/2.0/mlflow/experiments/restore": Rule("experiments", _WORKERS),
    "POST /api/2.0/mlflow/runs/create": Rule("experiments", _WORKERS),
    "POST /api/2.0/mlflow/runs/delete": Rule("runs", _WORKERS),
    "POST /api/2.0/mlflow/runs/log-batch": Rule("runs", _WORKERS),
    "PUT /api/2.0/mlflow-artifacts/artifacts/*": Rule("files", _WORKERS),
}
# What nobody asks through the door. MLflow runs its assistant's commands for whoever comes from its own machine, and
# behind a door everybody may seem to.
NOBODYS = ("/api/3.0/mlflow/assistant",)
_STARRED = {key.removesuffix("*"): rule for key, rule in RULES.items() if key.endswith("*")}
FILES = "/api/2.0/mlflow-artifacts/artifacts/"


def rule_of(method: str, path: str) -> Rule | None:
    """The rule of a call, None if it is not listed."""
    asked = f"{'GET' if method == 'HEAD' else method} {canonical(path)}"
    found = RULES.get(asked)
    if found is None and not asked.endswith("/"):
        found = next((rule for beginning, rule in _STARRED.items() if asked.startswith(beginning)), None)
    return found


def canonical(path: str) -> str:
    """A path as the rules name it."""
    return "/api/" + path.removeprefix("/ajax-api/") if path.startswith("/ajax-api/") else path
