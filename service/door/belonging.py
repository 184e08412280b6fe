"""Whose experiments and runs are: a team sees its own, and cannot tell those of others from none."""

import asyncio
import json
from collections.abc import Callable, Collection
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlencode

import anyio.to_thread
from sqlalchemy.orm import Session

from service.domain import experiments
from service.domain.access import Principal
from service.door.asked import EXPERIMENTS, RUNS, Asked
from service.door.upstream import Upstream
from service.door.visitors import Visitors
from service.errors import NotFoundError, UnavailableError
from service.store.engine import Store

Found = TypeVar("Found")
_REMEMBERED = 100_000
_AT_ONCE = 8
_RUN_BYTES = 16_000_000


class Belonging:
    """Knows the team of each experiment from the database, and the experiment of each run from MLflow.

    Neither ever changes, so both are remembered.
    """

    def __init__(self, store: Store, upstream: Upstream, visitors: Visitors) -> None:
        self._store = store
        self._upstream = upstream
        self._visitors = visitors
        self._teams: dict[str, int] = {}
        self._experiments: dict[str, str] = {}

    async def demand(self, principal: Principal, asked: Asked) -> None:
        """Raise NotFoundError if a request names an experiment or a run that is not the caller's team's."""
        runs = asked.ids(RUNS)
        await self._find_runs(runs)
        places = {run: self._experiments.get(run, "") for run in runs}
        own = await self.own(principal, set(places.values()))
        for run in sorted(runs):
            if places[run] not in own:
                raise NotFoundError(f"there is no run {run}, or it is another team's")
        await self.demand_experiments(principal, asked.ids(EXPERIMENTS))

    async def demand_experiments(self, principal: Principal, experiment_ids: Collection[str]) -> None:
        """Raise NotFoundError unless all of them are the caller's team's."""
        own = await self.own(principal, experiment_ids)
        for experiment in sorted(experiment_ids):
            if experiment not in own:
                raise NotFoundError(f"there is no experiment {experiment}, or it is another team's")

    async def own(self, principal: Principal, experiment_ids: Collection[str]) -> set[str]:
        """Those of some experiments that are the caller's team's."""
        unknown = {one for one in experiment_ids if one not in self._teams}
        if unknown:
            _remember(self._teams, await self._read(lambda session: experiments.teams_of(session, unknown)))
        return {one for one in experiment_ids if one in self._teams and principal.may_see(self._teams[one])}

    async def prefix(self, team_id: int) -> str:
        """What the names of a team's experiments begin with."""
        return await self._read(lambda session: experiments.prefix_of(session, team_id))

    async def _find_runs(self, run_ids: Collection[str]) -> None:
        unknown = [one for one in run_ids if one not in self._experiments]
        for start in range(0, len(unknown), _AT_ONCE):
            some = unknown[start : start + _AT_ONCE]
            found = await asyncio.gather(*(self._experiment_of(run_id) for run_id in some))
            known = {run: experiment for run, experiment in zip(some, found, strict=True) if experiment is not None}
            _remember(self._experiments, known)

    async def _experiment_of(self, run_id: str) -> str | None:
        query = urlencode({"run_id": run_id}).encode()
        answer = await self._upstream.look("GET", "/api/2.0/mlflow/runs/get", query, most=_RUN_BYTES)
        if answer.status_code >= 500:
            raise UnavailableError("MLflow does not say which run this is; try again in a few seconds")
        if answer.status_code != 200:
            return None
        info: dict[str, Any] = json.loads(answer.content)["run"]["info"]
        return str(info["experiment_id"])

    async def _read(self, how: Callable[[Session], Found]) -> Found:
        def read() -> Found:
            with self._store.read() as session:
                return how(session)

        return await anyio.to_thread.run_sync(read, limiter=self._visitors.threads)


def _remember(known: dict[str, Any], found: dict[str, Any]) -> None:
    for key in list(islice(known, max(0, len(known) + len(found) - _REMEMBERED))):
        del known[key]
    known.update(found)
