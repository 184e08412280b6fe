"""Ray, the only module that imports it: nodes, and workers as detached actors that Ray starts again when they die.

Ray holds nothing that matters. Actors are found by their names, `NAME/KIND-NUMBER` and what they were started for;
what a worker trains, the service knows.
"""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import ray
from ray._private import state as ray_state
from ray._raylet import GcsClient
from ray.autoscaler.sdk import request_resources
from ray.core.generated.autoscaler_pb2 import DrainNodeReason
from ray.experimental import internal_kv

from fleet.inventory import ACCELERATOR, Member, MemberState, Need, Place, kind_of, own_labels
from fleet.plan import Start
from fleet.settings import FleetError, FleetSettings
from service import logs
from service.wire.placement import ANY_GPU
from worker.bell import Bell

log = logging.getLogger(__name__)

NAMESPACE = "rampline"
SEPARATOR = " "  # between a slot and what the actor was started for, in its name
HEAD = "node:__internal_head__"  # a resource that Ray gives to the head alone
ANSWER_SECONDS = 10.0
# After a failure of the worker, before Ray starts the process again.
PAUSE_SECONDS = 10.0
STATES: dict[str, MemberState] = {
    "DEPENDENCIES_UNREADY": "pending",
    "PENDING_CREATION": "pending",
    "ALIVE": "alive",
    "RESTARTING": "restarting",
}


class FleetWorker:
    """An actor that is a `rampline worker`: the process begins and ends with it.

    `given` are settings of the worker; the token travels in them as an argument, which Ray keeps in memory and does not
    show. A worker that left as it was told ends its actor for good; one that failed ends the process, and Ray starts it
    again.
    """

    def __init__(self, slot: str, given: Mapping[str, Any]) -> None:
        from worker.settings import WorkerSettings  # noqa: PLC0415 - on the node alone

        context = ray.get_runtime_context()
        labels = own_labels(context.get_node_labels()) | given.get("labels", {})
        name = f"{slot} on {ray.util.get_node_ip_address()}"
        settings = WorkerSettings(**{**given, "slot": slot, "worker_name": name, "labels": labels})
        logs.configure(settings.log_format, "info")
        self._bell = Bell(drain_seconds=settings.drain_seconds)
        self._self = context.current_actor
        threading.Thread(target=self._live, args=(settings,), name="worker", daemon=True).start()

    def drain(self) -> None:
        """Give the runs back at their checkpoints and leave; returns at once."""
        self._bell.leave()

    def _live(self, settings: Any) -> None:
        try:
            from worker.main import run  # noqa: PLC0415 - torch takes seconds, and the actor is to be there at once

            run(settings, self._bell)
        except BaseException:
            log.exception("the worker failed; it is started again in %.0f seconds", PAUSE_SECONDS)
            if not self._bell.leaving or self._bell.failure is not None:
                time.sleep(PAUSE_SECONDS)
                os._exit(1)
        ray.kill(self._self, no_restart=True)


def _demand_an_answer(address: str) -> None:
    """Raise FleetError if nobody listens there; Ray by itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():  # auto: Ray looks the address up on this node
        return
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
    except OSError as error:
        raise FleetError(f"no Ray cluster answers at {address}: {error}; is `ray start --head` up?") from error


class RayCluster:
    """A connection to a Ray cluster, from one of its nodes; `close` it.

    Raises:
        FleetError: there is no cluster at this address, or it does not let this process in.
    """

    def __init__(self, address: str, settings: FleetSettings) -> None:
        self._settings = settings
        _demand_an_answer(address)
        try:
            ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.WARNING)
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise FleetError(
                f"no Ray cluster lets this process in at {address}: {error}; run this on a node of the cluster, with "
                "the cluster's token in ~/.ray/auth_token or RAY_AUTH_TOKEN_PATH"
            ) from error
        self._address = ray.get_runtime_context().gcs_address

    def close(self) -> None:
        """Disconnect; workers go on."""
        ray.shutdown()

    def answers(self) -> bool:
        """Whether the head answers."""
        try:
            GcsClient(address=self._address).internal_kv_keys(b"x", None, timeout=ANSWER_SECONDS)
        except (ray.exceptions.RayError, OSError):
            return False
        return True

    def places(self) -> list[Place]:
        """The nodes that live."""
        draining = ray_state.state.get_draining_nodes()
        found = []
        for node in ray.nodes():
            if node["Alive"]:
                offer, workers = kind_of(node["Resources"], node.get("Labels", {}), self._settings)
                found.append(
                    Place(
                        node_id=node["NodeID"],
                        name=node.get("NodeName") or node["NodeManagerAddress"],
                        address=node["NodeManagerAddress"],
                        offer=offer,
                        workers=workers,
                        draining=node["NodeID"] in draining,
                    )
                )
        return found

    def members(self) -> list[Member]:
        """The fleet's workers that there are or that are to come."""
        details: dict[str, tuple[dict[str, Any], MemberState]] = {}
        for theirs, state in STATES.items():
            for actor in ray_state.actors(actor_state_name=theirs).values():
                details[actor["Name"]] = actor, state
        found = []
        for name in ray.util.list_named_actors():
            slot, _, key = name.partition(SEPARATOR)
            if slot.startswith(f"{self._settings.name}/"):
                actor, state = details.get(name, ({}, "pending"))
                found.append(
                    Member(
                        name=name,
                        slot=slot,
                        key=key,
                        state=state,
                        node_id=actor.get("Address", {}).get("NodeID") or None,
                        pid=actor.get("Pid") or None,
                        restarts=actor.get("NumRestarts", 0),
                    )
                )
        return sorted(found, key=lambda member: member.slot)

    def start(self, slot: str, start: Start) -> None:
        """Let a worker begin wherever there is room for it; one of this name that is there already is that worker."""
        on_gpu = start.offer.gpu is not None
        given = {"device": "cuda" if on_gpu else "cpu"} | dict(self._settings.worker)
        needed = self._bundle(on_gpu=on_gpu)
        wanted = start.wanted.gpu
        named = on_gpu and wanted is not None and wanted.lower() != ANY_GPU
        actor = ray.remote(FleetWorker).options(
            num_gpus=needed.get("GPU", 0),
            num_cpus=needed["CPU"],
            resources={f"{ACCELERATOR}{start.offer.gpu}": 0.001} if named else {},
            label_selector=dict(start.wanted.label),
            name=f"{slot}{SEPARATOR}{start.wanted.key}",
            lifetime="detached",
            max_restarts=-1,
            get_if_exists=True,
        )
        actor.remote(slot, given)

    def drain(self, member: Member) -> None:
        """Ask a worker to leave at its next checkpoint; it does not come back."""
        with contextlib.suppress(ValueError):  # it has just gone
            ray.get_actor(member.name, namespace=NAMESPACE).drain.remote()

    def end(self, member: Member) -> None:
        """End a worker now; it does not come back."""
        with contextlib.suppress(ValueError):
            ray.kill(ray.get_actor(member.name, namespace=NAMESPACE), no_restart=True)

    def ask_for(self, needs: Sequence[Need]) -> None:
        """Tell the autoscaler what all workers together need; it holds until the next time."""
        request_resources(
            bundles=[self._bundle(on_gpu=need.on_gpu) for need in needs],
            bundle_label_selectors=[dict(need.wanted.label) for need in needs],
        )

    def drain_node(self, node_id: str, seconds: float) -> None:
        """Let Ray place nothing on a node any more; it ends by itself once nothing runs there.

        Raises:
            FleetError: it is the head, without which there is no cluster, or Ray refuses.
        """
        if any(node["NodeID"] == node_id and HEAD in node["Resources"] for node in ray.nodes()):
            raise FleetError(
                "this node is the head of the cluster, which would end with it; start it with --num-gpus 0"
            )
        deadline = int((time.time() + seconds) * 1000)
        reason = DrainNodeReason.DRAIN_NODE_REASON_PREEMPTION
        accepted, why = GcsClient(address=self._address).drain_node(node_id, reason, "rampline fleet drain", deadline)
        if not accepted:
            raise FleetError(f"Ray does not drain node {node_id}: {why}")

    @property
    def told_to_end(self) -> bool:
        """Whether `tell_to_end` was called since the last `begin`."""
        return bool(internal_kv._internal_kv_exists(self._order, namespace=NAMESPACE.encode()))

    def tell_to_end(self) -> None:
        """Let the fleet's process end, wherever it runs."""
        internal_kv._internal_kv_put(self._order, b"end", overwrite=True, namespace=NAMESPACE.encode())

    def begin(self) -> None:
        """Forget an earlier order to end."""
        internal_kv._internal_kv_del(self._order, namespace=NAMESPACE.encode())

    @property
    def _order(self) -> bytes:
        return f"fleet {self._settings.name}".encode()

    def _bundle(self, *, on_gpu: bool) -> dict[str, float]:
        bundle = {"CPU": self._settings.cpus_per_worker}
        return bundle | {"GPU": self._settings.gpus_per_worker} if on_gpu else bundle
