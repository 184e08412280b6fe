"""The means of the kill matrix do what they say: a proxy that loses, a disk that fills up."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

from tests.chaos.disk import SmallDisk
from tests.chaos.proxy import Proxy


class Echo:
    """A server that answers every message with itself, and remembers it."""

    def __init__(self) -> None:
        self.heard: Queue[bytes] = Queue()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with self._listener:
            while True:
                try:
                    taken, _ = self._listener.accept()
                except OSError:
                    return
                threading.Thread(target=self._answer, args=(taken,), daemon=True).start()

    def _answer(self, taken: socket.socket) -> None:
        with taken:
            while message := taken.recv(100):
                self.heard.put(message)
                taken.sendall(message)


@pytest.fixture
def echo() -> Iterator[Echo]:
    """A server to reach through a proxy."""
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    """The way to the server."""
    way = Proxy(echo.port)
    yield way
    way.close()


def call(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


def test_a_whole_network_passes_both_ways(proxy: Proxy) -> None:
    with call(proxy) as caller:
        caller.sendall(b"hello")
        assert caller.recv(100) == b"hello"


def test_a_cut_network_is_silent_and_resets_what_it_lost_when_it_heals(proxy: Proxy, echo: Echo) -> None:
    with call(proxy) as before:
        before.sendall(b"before")
        assert before.recv(100) == echo.heard.get(timeout=10) == b"before"
        proxy.lose("all")
        with call(proxy) as during:
            for caller in (before, during):
                caller.sendall(b"lost")
                caller.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    caller.recv(100)
                caller.settimeout(10)
            proxy.heal()
            assert before.recv(100) == during.recv(100) == b""
    assert echo.heard.empty()
    with call(proxy) as after:
        after.sendall(b"after")
        assert after.recv(100) == b"after"


def test_lost_answers_leave_the_request_done(proxy: Proxy, echo: Echo) -> None:
    proxy.lose("answers")
    with call(proxy) as caller:
        caller.sendall(b"do it")
        assert echo.heard.get(timeout=10) == b"do it"
        caller.settimeout(0.2)
        with pytest.raises(TimeoutError):
            caller.recv(100)
        caller.settimeout(10)
        proxy.heal()
        assert caller.recv(100) == b""


def test_a_full_disk_refuses_its_process_alone_until_it_is_cleared(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "disk")
    loop = (
        'echo ready; while read name; do if echo words 2>/dev/null > "$0/$name"; then echo yes; else echo no; fi; done'
    )
    command = disk.under(["sh", "-c", loop, str(disk.directory)])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def writes(name: str) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{name}\n")
            return process.stdout.readline().strip()

        assert process.stdout.readline() == "ready\n"
        assert writes("one") == "yes"
        disk.fill(process.pid)
        assert writes("two") == "no"
        (tmp_path / "of-another").write_text("words")
        disk.clear(process.pid)
        assert writes("three") == "yes"
