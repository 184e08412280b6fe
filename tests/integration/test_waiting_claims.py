"""Claims that wait for work: however many there are, they are in nobody's way, and work is granted at once."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from service.api.app import THREADS
from service.dispatch import LOOKS_AT_ONCE
from service.wire.protocol import Claim, Granted
from tests.integration.harness import GRID
from tests.integration.serving import TOKENS, Serving, hello

pytestmark = pytest.mark.parametrize("backend", ["sqlite"])
WAIT_SECONDS = 25.0
MANY = 10 * (THREADS + LOOKS_AT_ONCE)


def test_more_idle_workers_than_threads_are_in_nobodys_way(serving: Serving) -> None:
    worker = serving["worker"].register(hello()).worker_id

    async def wait_and_look() -> None:
        async with client(serving, "worker") as workers, client(serving, "member") as members:
            claims = [asyncio.create_task(claim(workers, worker)) for _ in range(MANY)]
            await all_wait(serving, claims)
            assert (await members.get("/queue")).is_success
            assert not any(one.done() for one in claims)
            serving.parts.dispatcher.close()
            assert [granted.leases for granted in await asyncio.gather(*claims)] == [[]] * len(claims)

    asyncio.run(wait_and_look())


def test_what_is_queued_is_granted_once_to_those_that_wait(serving: Serving) -> None:
    workers = [serving["worker"].register(hello()).worker_id for _ in range(20)]

    async def wait_and_submit() -> list[Granted]:
        async with client(serving, "worker") as http, client(serving, "member") as members:
            claims = [asyncio.create_task(claim(http, worker)) for worker in workers]
            await all_wait(serving, claims)
            (await members.post("/sweeps", json=GRID)).raise_for_status()
            done, _ = await asyncio.wait(claims, return_when=asyncio.FIRST_COMPLETED)
            assert done
            while sum(len(one.result().leases) for one in claims if one.done()) < 8:
                await asyncio.sleep(0.05)
            serving.parts.dispatcher.close()
            return await asyncio.gather(*claims)

    runs = [lease.run_id for granted in asyncio.run(wait_and_submit()) for lease in granted.leases]
    assert len(runs) == len(set(runs)) == 8


async def all_wait(serving: Serving, claims: Sequence[asyncio.Task[Granted]]) -> None:
    """Wait until the server holds so many claims."""
    while len(serving.parts.dispatcher._waiting) < len(claims):
        assert not any(one.done() for one in claims)
        await asyncio.sleep(0.05)


def client(serving: Serving, role: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=2 * MANY)
    headers = {"Authorization": f"Bearer {TOKENS[role]}"}
    return httpx.AsyncClient(base_url=f"{serving.url}/api/v1", headers=headers, timeout=WAIT_SECONDS - 5, limits=limits)


async def claim(http: httpx.AsyncClient, worker: int) -> Granted:
    body = Claim(worker_id=worker, lanes=4, wait_seconds=WAIT_SECONDS).model_dump(mode="json")
    answer = await http.post("/leases/claim", json=body)
    answer.raise_for_status()
    return Granted.model_validate_json(answer.content)
