"""`rampline fleet` and its `status`, `drain` and `down`: workers on a Ray cluster, as many as the queue needs."""

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from pydantic import SecretStr
from rich.table import Table

from fleet.inventory import Member, NodeType, Place, node_types
from fleet.settings import FleetError, FleetSettings, prepare_ray
from rampline import display
from rampline.terminal import AsJson, console, fail, read
from service import logs
from service.wire.calls import AddressError
from worker.link import Link
from worker.settings import WorkerSettings

if TYPE_CHECKING:
    from fleet.ray_cluster import RayCluster

app = typer.Typer(help="Keep workers on a Ray cluster, as many as the queue needs (extra `ray`; see docs/fleet.md).")

WAIT_SECONDS = 60.0
Address = Annotated[
    str, typer.Option(envvar="RAY_ADDRESS", help="The cluster's head, as host:port; auto: that of this node.")
]
Name = Annotated[str, typer.Option(help="The fleet's name; several share a cluster under different names.")]


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    address: Address = "auto",
    name: Name = "fleet",
    url: Annotated[
        str | None, typer.Option(help="The service's address, as the nodes reach it. Default: RAMPLINE_URL.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="A file here with a worker's token. Default: RAMPLINE_WORKER_TOKEN_FILE.")
    ] = None,
    node_token_file: Annotated[
        Path | None,
        typer.Option(help="Where each node has that file; without it, Ray carries the token to the workers."),
    ] = None,
    max_workers: Annotated[int, typer.Option(min=0, help="No more workers than these at once.")] = 8,
    gpus_per_worker: Annotated[float, typer.Option(min=0.01, help="GPUs for each, or the part of one.")] = 1.0,
    cpu_workers: Annotated[int, typer.Option(min=0, help="Workers on the CPUs of each node without a GPU.")] = 0,
    cpus_per_worker: Annotated[float, typer.Option(min=0.01, help="CPUs for each worker, as Ray counts them.")] = 1.0,
    runs_per_worker: Annotated[int, typer.Option(min=1, help="One worker for so many runs that wait or train.")] = 8,
    idle_seconds: Annotated[float, typer.Option(min=0, help="A worker without a run leaves after this.")] = 300.0,
    look_seconds: Annotated[float, typer.Option(min=0.1, help="How often to look at queue and cluster.")] = 5.0,
    device: Annotated[
        str | None, typer.Option(help="The workers' device. Default: cuda where they have a GPU.")
    ] = None,
    lanes: Annotated[int | None, typer.Option(min=1, help="Runs that each worker trains at once.")] = None,
    types: Annotated[
        Path | None,
        typer.Option("--node-types", help="The autoscaler's configuration, for the nodes that it could add."),
    ] = None,
) -> None:
    """Keep workers on a Ray cluster, as many as the queue needs and none when it is empty, until Ctrl-C.

    Run it on a node of the cluster. The workers outlive it: started again, on any node, it goes on with them.
    """
    if context.invoked_subcommand is not None:
        return
    given: dict[str, Any] = {
        key: value for key, value in {"url": url, "worker_token_file": token_file}.items() if value is not None
    }
    own = WorkerSettings(**given)
    logs.configure(own.log_format, "info")
    try:
        token = own.token()
    except ValueError as error:
        fail(str(error))
    worker: dict[str, Any] = {"url": own.url, "log_format": own.log_format}
    worker |= {"worker_token_file": node_token_file} if node_token_file else {"worker_token": SecretStr(token)}
    worker |= {key: value for key, value in {"device": device, "lanes": lanes}.items() if value is not None}
    settings = FleetSettings(
        name=name,
        most=max_workers,
        gpus_per_worker=gpus_per_worker,
        cpu_workers=cpu_workers,
        cpus_per_worker=cpus_per_worker,
        runs_per_worker=runs_per_worker,
        idle_seconds=idle_seconds,
        look_seconds=look_seconds,
        worker=worker,
    )
    known = _node_types(types, settings)
    prepare_ray()
    try:
        from fleet.process import follow  # noqa: PLC0415 - Ray is an extra, and reads the environment when imported
    except ImportError as error:
        fail(f"{error}; install Ray: pip install 'rampline[ray]'")
    try:
        with Link(own.url, token) as link:
            follow(address, link, settings, known)
    except AddressError as error:
        fail(f"the service's address (--url, RAMPLINE_URL): {error}")


@app.command()
def status(address: Address = "auto", name: Name = "fleet", as_json: AsJson = False) -> None:
    """Show the cluster's nodes, and which workers are where."""
    with contextlib.redirect_stdout(sys.stderr):  # Ray tells of dead processes whenever it likes
        cluster = _cluster(address, name)
        places, members = cluster.places(), cluster.members()
        cluster.close()
    if as_json:
        typer.echo(json.dumps({"nodes": [_node(one) for one in places], "workers": [_worker(one) for one in members]}))
        return
    for table in (_table("node", [_node(one) for one in places]), _table("worker", [_worker(one) for one in members])):
        console.print(table)


@app.command()
def drain(
    node: Annotated[str, typer.Argument(help="Its name, address, or the beginning of its id, as `status` shows them.")],
    address: Address = "auto",
    name: Name = "fleet",
    seconds: Annotated[float, typer.Option(min=0, help="How long its workers may take to leave.")] = WAIT_SECONDS,
) -> None:
    """Let the workers of a node leave at their next checkpoints, and nothing begin there any more.

    Their runs go on elsewhere. Ray ends the node by itself once nothing runs there.
    """
    cluster = _cluster(address, name)
    places = cluster.places()
    found = [place for place in places if node in (place.name, place.address)]
    found = found or [place for place in places if place.node_id.startswith(node)]
    if len(found) != 1:
        what = f"{len(found)} nodes are called {node}" if found else f"no node is called {node}"
        fail(f"{what}; `rampline fleet status` shows their ids, of which the first letters suffice")
    cluster.drain_node(found[0].node_id, seconds)
    leaving = [member for member in cluster.members() if member.node_id == found[0].node_id]
    for member in leaving:
        cluster.drain(member)
    gone = _wait_until_gone(cluster, {member.name for member in leaving}, seconds, on=found[0].node_id)
    cluster.close()
    if not gone:
        fail(f"some workers are still there after {seconds:.0f} seconds; Ray ends them with the node")
    console.print(f"Node {found[0].name} has no workers any more ({len(leaving)} left it).")


@app.command()
def down(
    address: Address = "auto",
    name: Name = "fleet",
    seconds: Annotated[float, typer.Option(min=0, help="How long the workers may take to leave.")] = WAIT_SECONDS,
) -> None:
    """End the fleet: its process, wherever it runs, and all of its workers, at their next checkpoints."""
    cluster = _cluster(address, name)
    cluster.tell_to_end()
    members = cluster.members()
    for member in members:
        if member.state == "alive":
            cluster.drain(member)
        else:
            cluster.end(member)
    if not _wait_until_gone(cluster, {member.name for member in members}, seconds):
        for member in cluster.members():
            cluster.end(member)
    cluster.ask_for([])
    cluster.close()
    console.print(f"The fleet {name} is down ({len(members)} workers left).")


def _cluster(address: str, name: str) -> "RayCluster":
    prepare_ray()
    try:
        from fleet.ray_cluster import RayCluster  # noqa: PLC0415 - as in run
    except ImportError as error:
        fail(f"{error}; install Ray: pip install 'rampline[ray]'")
    return RayCluster(address, FleetSettings(name=name))


def _node_types(file: Path | None, settings: FleetSettings) -> list[NodeType]:
    if file is None:
        return []
    try:
        return node_types(yaml.safe_load(read(file)), settings)
    except (yaml.YAMLError, FleetError) as error:
        fail(f"--node-types {file}: {error}")


def _wait_until_gone(cluster: "RayCluster", names: set[str], seconds: float, on: str | None = None) -> bool:
    """Wait until no actor of these names is there, or on one node; whether it came to that."""
    deadline = time.monotonic() + seconds
    while any(one.name in names and on in (None, one.node_id) for one in cluster.members()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def _node(place: Place) -> dict[str, Any]:
    return {
        "id": place.node_id,
        "name": place.name,
        "address": place.address,
        "gpu": place.offer.gpu,
        "labels": place.offer.labels,
        "workers": place.workers,
        "state": "draining" if place.draining else "alive",
    }


def _worker(member: Member) -> dict[str, Any]:
    return {
        "slot": member.slot,
        "requires": member.key,
        "state": member.state,
        "node": member.node_id,
        "pid": member.pid,
        "restarts": member.restarts,
    }


def _table(noun: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=f"{len(rows)} {noun}s", title_justify="left")
    for name in rows[0] if rows else ():
        table.add_column(name)
    for row in rows:
        table.add_row(*(display.plain("-" if value in (None, "", {}) else str(value)) for value in row.values()))
    return table
