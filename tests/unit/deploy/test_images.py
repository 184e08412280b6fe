"""The images, as far as can be said without an engine: what their files say, and what the service can do without."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "deploy" / "docker").glob("*.Dockerfile"))
WITHOUT = """
import sys
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch" or name.startswith("mlflow.server"):
            raise ImportError(name)
sys.meta_path.insert(0, Refusing())
import rampline.cli, service.server, service.tracking
"""


def instructions(file: Path) -> list[dict[str, Any]]:
    parsed: list[dict[str, Any]] = DockerfileParser(path=str(file)).structure
    return [one for one in parsed if one["instruction"] != "COMMENT"]


def test_each_image_has_its_file_and_each_file_its_image() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    built = {service["build"]["dockerfile"]: service["image"] for service in services.values() if "build" in service}
    assert set(built) == {str(file.relative_to(ROOT)) for file in FILES}
    assert len(set(built.values())) == len(FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_image_is_small_pinned_and_run_by_nobody_special(file: Path) -> None:
    found = instructions(file)
    words = [one["instruction"] for one in found]
    stages = [one["value"] for one in found if one["instruction"] == "FROM"]
    assert stages == ["python:3.11-slim AS build", "python:3.11-slim"]
    last = found[len(words) - words[::-1].index("FROM") - 1 :]
    users = [one["value"] for one in last if one["instruction"] == "USER"]
    assert len(users) == 1
    assert users[0] not in ("root", "0")
    after = [one["instruction"] for one in last[[one["instruction"] for one in last].index("USER") :]]
    assert set(after) <= {"USER", "ENV", "WORKDIR", "CMD"}
    assert "ADD" not in words
    installs = [part for one in found if one["instruction"] == "RUN" for part in one["value"].split("&&")]
    for part in installs:
        if "pip install" in part:
            assert "--no-cache-dir" in part
            assert "-c constraints.txt" in part or "--no-deps" in part, part
    for one in found:
        assert not any(word in one["value"].upper() for word in ("TOKEN", "PASSWORD", "SECRET")), one
        if one["instruction"] == "COPY" and "--from" not in one["value"]:
            for source in one["value"].split()[:-1]:
                assert (ROOT / source).exists(), source


@pytest.mark.parametrize("image", ["service", "worker"])
def test_what_an_image_installs_is_pinned_and_no_more_than_it_needs(image: str) -> None:
    command = [sys.executable, "deploy/docker/requirements.py", image]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")[:-1]
    names = {line.split("[")[0].split(">")[0].split("<")[0].split("=")[0].lower() for line in listed}
    pinned = {
        line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().split("\n")
    }
    assert names - pinned == set()
    assert ("torch" in names) == (image == "worker")
    assert "mlflow" not in names
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert len(names) >= len(dependencies)


def test_the_service_needs_neither_torch_nor_mlflows_server() -> None:
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
