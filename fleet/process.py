"""The process of a fleet: connected to a cluster for as long as there is one, and again when there is one again."""

import logging
import signal
import threading
from collections.abc import Sequence

from fleet.inventory import NodeType
from fleet.loop import Fleet, Queue
from fleet.ray_cluster import RayCluster
from fleet.settings import FleetError, FleetSettings
from service.wire.retries import Backoff

log = logging.getLogger(__name__)


def follow(
    address: str,
    service: Queue,
    settings: FleetSettings,
    types: Sequence[NodeType],
) -> None:
    """Keep workers as the queue needs them until SIGTERM or SIGINT, or until `rampline fleet down` is called.

    The workers stay. A cluster whose head is gone is waited for.

    Raises:
        FleetError: at the beginning there is no cluster, or it does not let this process in.
    """
    stopping = threading.Event()
    cluster = RayCluster(address, settings)
    cluster.begin()
    while True:
        # Anew for each connection: Ray takes the signals for itself when it connects.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        log.info("looking after the workers at %s", address, extra={"action": "fleet.connected"})
        if not _look_after(cluster, Fleet(cluster, service, settings, types), settings, stopping):
            cluster.close()
            return
        log.warning("the head of the Ray cluster is gone; waiting for it", extra={"action": "fleet.away"})
        cluster.close()
        again = _reconnect(address, settings, stopping)
        if again is None:
            return
        cluster = again


def _look_after(cluster: RayCluster, fleet: Fleet, settings: FleetSettings, stopping: threading.Event) -> bool:
    """Look again and again; whether that ended because the cluster is gone."""
    while cluster.answers():
        if cluster.told_to_end:
            log.info("told to end", extra={"action": "fleet.ended"})
            return False
        fleet.look()
        if stopping.wait(settings.look_seconds):
            return False
    return True


def _reconnect(address: str, settings: FleetSettings, stopping: threading.Event) -> RayCluster | None:
    backoff = Backoff()
    while not stopping.wait(backoff.wait()):
        try:
            return RayCluster(address, settings)
        except FleetError as error:
            log.info("not yet: %s", error)
    return None
