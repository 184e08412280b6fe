"""The network between a worker and a service: a TCP proxy that can lose what passes."""

import contextlib
import socket
import threading
from typing import Literal

Loss = Literal["nothing", "all", "answers"]
_CHUNK = 65_536


class Proxy:
    """Listens on a port of its own and passes bytes on to another.

    While it loses, connections stay open and silent, as on a network that drops packets; new ones are taken and are
    silent too. A connection that lost bytes is reset when the network heals: what it carried cannot be made good.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._loss: Loss = "nothing"
        self._spoilt: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The address that a worker is given."""
        return f"http://127.0.0.1:{self.port}"

    def lose(self, what: Loss) -> None:
        """Lose everything, or only what the service answers."""
        with self._lock:
            self._loss = what

    def heal(self) -> None:
        """Pass everything on again, on new connections."""
        with self._lock:
            self._loss = "nothing"
            spoilt = list(self._spoilt)
        for one in spoilt:
            _shut(one)

    def close(self) -> None:
        """End every connection and listen no more."""
        _shut(self._listener)
        with self._lock:
            left = list(self._open)
        for one in left:
            _shut(one)

    def _accept(self) -> None:
        with self._listener:
            while True:
                try:
                    near, _ = self._listener.accept()
                except OSError:
                    return
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        with self._lock:
            self._open.add(near)
            lost = self._loss == "all"
            if lost:
                self._spoilt.add(near)
        try:
            far = None if lost else socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            self._forget(near)
            return
        if far is None:
            _read_away(near)
            self._forget(near)
            return
        far.settimeout(None)
        with self._lock:
            self._open.add(far)
        answers = threading.Thread(target=self._pass_on, args=(far, near, ("all", "answers")), daemon=True)
        answers.start()
        self._pass_on(near, far, ("all",))
        answers.join()
        self._forget(near, far)

    def _pass_on(self, source: socket.socket, sink: socket.socket, lost_with: tuple[Loss, ...]) -> None:
        """Copy until either end closes; nothing passes a connection any more from the first bytes that it loses."""
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                with self._lock:
                    lost = self._loss in lost_with or source in self._spoilt
                    if lost:
                        self._spoilt |= {source, sink}
                if not lost:
                    sink.sendall(chunk)
        _shut(source)
        _shut(sink)

    def _forget(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._open.difference_update(sockets)
            self._spoilt.difference_update(sockets)
        for one in sockets:
            one.close()


def _read_away(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while one.recv(_CHUNK):
            pass


def _shut(one: socket.socket) -> None:
    """Let whoever waits for this socket go on; its own thread closes it."""
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
