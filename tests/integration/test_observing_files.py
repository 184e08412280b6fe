"""The dashboard, the scrape configuration and the alerts: valid, and about nothing but what the service exports."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from service.exposition import FactsCollector
from service.meters import Meters
from tests.integration.harness import LEASE_SECONDS, Harness

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "rampline.json"
PROMETHEUS = ROOT / "deploy" / "prometheus"
PAGE = ROOT / "docs" / "observability.md"
ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
OF_PROMETHEUS = {"up": {"job", "instance"}}
FROM_SCRAPING = {"job", "instance", "le"}


@pytest.fixture
def backend() -> str:
    """One is enough: both databases have the same metrics."""
    return "sqlite"


@pytest.fixture
def exported(harness: Harness) -> dict[str, set[str]]:
    """Every metric that a server process exports, by the names of its samples, with its labels."""
    harness.submit()
    meters = Meters()
    meters.registry.register(FactsCollector(harness.store, LEASE_SECONDS, tracked=True))
    labels = {
        "rampline_request_seconds": {"method", "route", "status"},
        "rampline_database_seconds": {"statement"},
    }
    return OF_PROMETHEUS | {
        family.name + ending: labels.get(family.name, set()).union(*(sample.labels for sample in family.samples))
        for family in meters.registry.collect()
        for ending in ENDINGS.get(family.type, ("",))
    }


def dashboard() -> list[str]:
    """The expressions of the dashboard, with the interval that Grafana would put in."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"].replace("$__rate_interval", "5m") for panel in panels for target in panel["targets"]]


def rules() -> list[dict[str, Any]]:
    """The alerts."""
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics that an expression names, with the labels by which it picks them."""
    found: list[Any] = []

    def note(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(expression), note)
    for node in found:
        yield node.name, {matcher.name for matcher in node.matchers.matchers}


def test_every_expression_is_valid_and_names_only_what_is_exported(exported: dict[str, set[str]]) -> None:
    for expression in [*dashboard(), *(rule["expr"] for rule in rules())]:
        named = list(selectors(expression))
        assert named, expression
        for metric, labels in named:
            assert metric in exported, expression
            assert labels <= exported[metric] | FROM_SCRAPING, expression
        grouped = {label for by in re.findall(r"by \(([^)]*)\)", expression) for label in by.split(", ")}
        assert grouped <= {label for metric, _ in named for label in exported[metric]} | FROM_SCRAPING, expression


def test_every_metric_of_ours_is_in_the_documentation_and_no_other(exported: dict[str, set[str]]) -> None:
    named = set(re.findall(r"`(rampline_\w+)", PAGE.read_text()))
    ours = {re.sub("_(bucket|sum|count)$", "", name) for name in exported if name.startswith("rampline_")}
    assert named == ours


def test_an_alert_says_what_is_wrong_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "action"}
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))


def test_prometheus_scrapes_the_path_with_a_token_from_a_file_and_finds_the_alerts() -> None:
    configuration = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert [(PROMETHEUS / name).exists() for name in configuration["rule_files"]] == [True]
    (scrape,) = configuration["scrape_configs"]
    assert (scrape["job_name"], scrape["metrics_path"]) == ("rampline", "/api/v1/metrics")
    assert scrape["authorization"]["credentials_file"].startswith("/run/secrets/")


def test_panels_do_not_overlap_and_each_has_a_number_of_its_own() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        taken = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not taken & cells, panel["title"]
        assert all(x < 24 for x, _ in taken)
        cells |= taken
