"""Every call that the installed MLflow answers to, as the door's rules name it: `python -m tests.mlflow_calls`.

It is run as a process of its own: MLflow's server warns when it is imported, and sets up its database's models.
"""

import re
import sys

from fastapi.routing import iter_route_contexts
from mlflow.server import app as flask_app
from mlflow.server.fastapi_app import create_fastapi_app
from starlette.routing import Route

from service.door.rules import canonical

_PARAMETER = re.compile(r"<[^>]*>|{[^}]*}")


def calls() -> set[str]:
    """Methods and paths; what is a parameter in a path is a star."""
    found = {(method, rule.rule) for rule in flask_app.url_map.iter_rules() for method in rule.methods or ()}
    for context in iter_route_contexts(create_fastapi_app().routes):
        if isinstance(context.original_route, Route):
            found |= {(method, str(context.path)) for method in context.methods or ()}
    return {
        f"{method} {canonical(_PARAMETER.sub('*', path))}"
        for method, path in found
        if method not in ("HEAD", "OPTIONS")
    }


if __name__ == "__main__":
    sys.stdout.write("\n".join(sorted(calls())) + "\n")
