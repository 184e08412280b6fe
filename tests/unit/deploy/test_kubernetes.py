"""deploy/kubernetes: built by kustomize itself, valid by Kubernetes' own schemas, and closed where it ought to be."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.settings import Settings
from worker.main import GRACE_SECONDS
from worker.settings import WorkerSettings

ROOT = Path(__file__).parents[3]
KUBECTL = Path(sys.executable).parent / "kubectl"
VERSION = "1.34"
OVERLAYS = ("base", "overlays/cpu", "overlays/kuberay")
SECRETS = ("postgres_password", "admin_token", "worker_token")
IMAGES = {"rampline-service", "rampline-worker", "rampline-mlflow", "postgres"}
Document = dict[str, Any]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the directory, with secrets."""
    copy = tmp_path_factory.mktemp("kubernetes") / "kubernetes"
    shutil.copytree(ROOT / "deploy" / "kubernetes", copy)
    (copy / "base" / "secrets").mkdir(exist_ok=True)
    for name in SECRETS:
        (copy / "base" / "secrets" / name).write_text(f"the {name}")
    return copy


@pytest.fixture(scope="module", params=OVERLAYS)
def documents(request: pytest.FixtureRequest, tree: Path) -> list[Document]:
    """What `kubectl apply -k` would send."""
    return built(tree, request.param)


def built(tree: Path, overlay: str) -> list[Document]:
    command = [str(KUBECTL), "kustomize", str(tree / overlay)]
    made = subprocess.run(command, capture_output=True, text=True, check=False, env={"HOME": str(tree), **os.environ})
    assert made.returncode == 0, made.stderr
    assert made.stderr == "", "kustomize warns of what is deprecated"
    return list(yaml.safe_load_all(made.stdout))


def of_kind(documents: Collection[Document], *kinds: str) -> dict[str, Document]:
    return {one["metadata"]["name"]: one for one in documents if one["kind"] in kinds}


def pods(documents: Collection[Document]) -> Iterator[tuple[str, Document]]:
    """The templates of all pods, by names for people."""
    for name, one in of_kind(documents, "Deployment", "StatefulSet").items():
        yield name, one["spec"]["template"]
    for one in of_kind(documents, "RayCluster").values():
        yield "ray's head", one["spec"]["headGroupSpec"]["template"]
        for group in one["spec"]["workerGroupSpecs"]:
            yield f"ray's {group['groupName']}", group["template"]


def containers(documents: list[Document]) -> Iterator[tuple[str, Document]]:
    for name, pod in pods(documents):
        for container in pod["spec"]["containers"]:
            yield f"{name}: {container['name']}", container


def test_every_document_is_valid_by_the_schema_of_its_kind(documents: list[Document]) -> None:
    checked = [one for one in documents if one["kind"] != "RayCluster"]
    for name, template in pods(of_kind(documents, "RayCluster").values()):  # KubeRay's own kind; its pods are pods
        checked.append({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": template["spec"]})
    assert [problem for one in checked if (problem := invalid(json.dumps(one))) is not None] == []
    assert len(checked) >= len(documents) > 0


@cache
def invalid(document: str) -> str | None:
    """What the schema of its kind finds wrong with a document; most of them are in every overlay."""
    try:
        kubernetes_validate.validate(json.loads(document), VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error)
    return None


def test_nobody_runs_as_root_or_may_become_it(documents: list[Document]) -> None:
    for name, template in pods(documents):
        context = template["spec"]["securityContext"]
        assert context["runAsNonRoot"], name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert template["spec"]["enableServiceLinks"] is False, "a Service's variables look like our settings"
    for name, container in containers(documents):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name


def test_secrets_are_files_of_the_operators_and_reach_only_those_who_need_them(documents: list[Document]) -> None:
    assert not list((ROOT / "deploy" / "kubernetes").rglob("*token")), "no secret is in the tree"
    (secret,) = of_kind(documents, "Secret").values()
    assert set(secret["data"]) == set(SECRETS)
    seen = {}
    for name, template in pods(documents):
        volumes = [one["secret"] for one in template["spec"].get("volumes", []) if "secret" in one]
        assert all(one["secretName"] == secret["metadata"]["name"] for one in volumes), name
        keys = {item["key"] for one in volumes for item in one["items"]}
        for container in template["spec"]["containers"]:
            refs = [one["valueFrom"] for one in container.get("env", []) if "valueFrom" in one]
            keys |= {ref["secretKeyRef"]["key"] for ref in refs if "secretKeyRef" in ref}
        seen[name] = keys - {"auth_token"}  # Ray's, made by KubeRay
    assert seen.pop("postgres") == seen.pop("mlflow") == {"postgres_password"}
    assert seen.pop("service") == set(SECRETS)
    assert all(keys == {"worker_token"} for keys in seen.values())
    assert seen


def test_mlflow_can_be_reached_by_the_service_alone(documents: list[Document]) -> None:
    policies = of_kind(documents, "NetworkPolicy")
    assert policies["nobody-unless-allowed"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    (rule,) = policies["mlflow"]["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "service"}}}]
    selected = policies["mlflow"]["spec"]["podSelector"]["matchLabels"]
    deployed = of_kind(documents, "Deployment")["mlflow"]["spec"]["template"]["metadata"]["labels"]
    assert selected.items() <= deployed.items()
    assert "type" not in of_kind(documents, "Service")["mlflow"]["spec"], "a ClusterIP"


def test_selectors_select_the_pods_that_there_are(documents: list[Document]) -> None:
    labels = [template["metadata"]["labels"] for _, template in pods(documents) if "metadata" in template]
    services = [one["spec"]["selector"] for one in of_kind(documents, "Service").values()]
    budgets = [one["spec"]["selector"]["matchLabels"] for one in of_kind(documents, "PodDisruptionBudget").values()]
    for selector in services + budgets:
        assert sum(selector.items() <= one.items() for one in labels) == 1, selector


def test_who_is_told_to_leave_has_the_time_that_it_may_take(documents: list[Document]) -> None:
    drain = WorkerSettings.model_fields["drain_seconds"].default + GRACE_SECONDS
    grace = {name: template["spec"].get("terminationGracePeriodSeconds", 30) for name, template in pods(documents)}
    workers = [seconds for name, seconds in grace.items() if name in {"worker", "ray's gpu"}]
    assert workers
    assert min(workers) > drain
    assert grace["service"] > 25


def test_every_variable_is_a_setting_and_every_image_one_of_ours(documents: list[Document]) -> None:
    fields = {*Settings.model_fields, *WorkerSettings.model_fields}
    known = {f"RAMPLINE_{field.upper()}" for field in fields}
    for name, container in containers(documents):
        given = {one["name"] for one in container.get("env", [])}
        assert {one for one in given if one.startswith("RAMPLINE_")} <= known, name
        assert container["image"].split(":")[0] in IMAGES, name


def test_what_answers_has_probes_and_what_trains_has_a_gpu(tree: Path) -> None:
    documents = built(tree, "base")
    for name, container in containers(documents):
        assert ("readinessProbe" in container) == ("livenessProbe" in container) == (name != "worker: worker"), name
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
    limits = dict(containers(documents))["worker: worker"]["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == "1"
    on_cpu = dict(containers(built(tree, "overlays/cpu")))["worker: worker"]
    assert "nvidia.com/gpu" not in on_cpu["resources"]["limits"]
    assert on_cpu["command"] == ["rampline", "worker", "--device=cpu"]


def test_the_ray_cluster_takes_the_place_of_the_workers_and_begins_with_none(tree: Path) -> None:
    documents = built(tree, "overlays/kuberay")
    (ray,) = of_kind(documents, "RayCluster").values()
    assert "worker" not in of_kind(documents, "Deployment")
    assert ray["spec"]["authOptions"] == {"mode": "token"}
    (group,) = ray["spec"]["workerGroupSpecs"]
    assert (group["replicas"], group["minReplicas"]) == (0, 0)
    by_name = dict(containers(documents))
    assert by_name["ray's head: fleet"]["command"][:2] == ["rampline", "fleet"]
    assert f"--max-workers={group['maxReplicas']}" in by_name["ray's head: fleet"]["command"]
    resources = by_name["ray's gpu: ray-worker"]["resources"]
    known = yaml.safe_load(of_kind(documents, "ConfigMap")["node-types"]["data"]["node-types.yaml"])
    has = {"CPU": int(resources["requests"]["cpu"]), "GPU": int(resources["limits"]["nvidia.com/gpu"])}
    assert known["available_node_types"] == {
        group["groupName"]: {"resources": has, "max_workers": group["maxReplicas"]}
    }, "what the fleet believes is what there is"


def test_the_schemas_are_those_of_the_compose_file(tree: Path) -> None:
    made = of_kind(built(tree, "base"), "ConfigMap")["postgres-schemas"]["data"]["schemas.sql"]
    assert made == (ROOT / "deploy" / "postgres" / "schemas.sql").read_text()
