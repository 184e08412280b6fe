"""What an image of Rampline needs, from pyproject.toml: `python requirements.py service`, or `worker`.

The service never imports torch, and neither needs MLflow's server: its client is enough.
"""

import re
import sys
import tomllib
from pathlib import Path

LEFT_OUT = {"service": {"mlflow", "torch"}, "worker": {"mlflow"}}
EXTRAS = {"service": ("postgres", "otel", "s3"), "worker": ("energy", "otel", "ray", "s3")}
ADDED = ("mlflow-skinny",)


def requirements(image: str, project: dict[str, object]) -> list[str]:
    """The requirements of an image, as pip reads them; `project` is the table of that name."""
    dependencies: list[str] = list(project["dependencies"])  # type: ignore[call-overload]  # TOML has no types
    extras: dict[str, list[str]] = project["optional-dependencies"]  # type: ignore[assignment]
    for extra in EXTRAS[image]:
        dependencies += extras[extra]
    return [one for one in dependencies if re.split(r"[^\w-]", one)[0] not in LEFT_OUT[image]] + list(ADDED)


if __name__ == "__main__":
    text = Path("pyproject.toml").read_text()
    sys.stdout.write("\n".join(requirements(sys.argv[1], tomllib.loads(text)["project"])) + "\n")
