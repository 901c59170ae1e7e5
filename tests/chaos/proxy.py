"""A TCP proxy before PostgreSQL that loses, delays and cuts connections at a chosen statement.

The idea is psycopg's own (tests/fix_proxy.py). This one also reads along: it knows which statement
passes, and when the server has answered it, so that a cut can come before or after a commit.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

POINTS = {
    "any": re.compile(rb"."),
    "partitions": re.compile(rb"ensure_metrics_partitions"),
    "begin": re.compile(rb"INSERT INTO ingest_runs"),
    "instances": re.compile(rb"INSERT INTO instances"),
    "metrics": re.compile(rb"INSERT INTO metrics"),
    "commit": re.compile(rb"COMMIT"),
    "finish": re.compile(rb"UPDATE ingest_runs"),
}
"""A name for each statement that a run sends, by words that stand in it."""

READY = re.compile(rb"Z\x00\x00\x00\x05[ITE]\Z")
"""The last message of an answer: ReadyForQuery with the state of the transaction."""

CUT, STALL, SLOW, DRIP, REFUSE, CALL = "cut", "stall", "slow", "drip", "refuse", "call"


@dataclass
class Mishap:
    """What happens to a connection as it reaches ``point`` for the ``nth`` time."""

    point: str
    action: str
    after: bool = False
    """Once the server has answered the statement, instead of before it hears of it."""
    nth: int = 1
    times: int = 1
    call: Callable[[], object] = lambda: None
    """Done at that point, where ``action`` is CALL."""
    seen: int = 0
    fired: int = 0


@dataclass(eq=False)
class _Link:
    client: socket.socket
    server: socket.socket | None = None
    open_gate: threading.Event = field(default_factory=threading.Event)
    pending: Mishap | None = None
    slowness: float = 0.0
    dripping: bool = False

    def close(self, *, reset: bool = True) -> None:
        for end in (self.client, self.server):
            if end is None:
                continue
            with suppress(OSError):
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                end.close()
        self.open_gate.set()


class Proxy:
    """One listening port; each connection is passed on until a mishap meets it."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = host, port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._mishaps: list[Mishap] = []
        self._links: set[_Link] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, mishaps: list[Mishap]) -> None:
        """From here on these happen."""
        with self._lock:
            self._mishaps = list(mishaps)

    def stall_existing(self) -> int:
        """A firewall forgets the connections that exist: nothing passes, and nobody is told."""
        with self._lock:
            for link in self._links:
                link.open_gate.clear()
            return len(self._links)

    def cut_existing(self) -> int:
        """Reset the connections that exist."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()
        return len(links)

    def clear(self) -> None:
        """The network is well again: what was held back goes on its way."""
        with self._lock:
            self._mishaps = []
            for link in self._links:
                link.slowness, link.dripping = 0.0, False
                link.open_gate.set()

    def close(self) -> None:
        """Stop listening and cut what is left."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_existing()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        link = _Link(client)
        link.open_gate.set()
        with self._lock:
            self._links.add(link)
        try:
            if (met := self._meets("connect", b"")) and self._begin(link, met):
                return
            link.open_gate.wait()
            try:
                link.server = socket.create_connection(self._upstream, timeout=5)
            except OSError:
                return
            link.server.settimeout(None)
            for end in (client, link.server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            down = threading.Thread(target=self._down, args=(link, link.server), daemon=True)
            down.start()
            self._up(link, link.server)
            down.join(5)
        finally:
            link.close(reset=False)
            with self._lock:
                self._links.discard(link)

    def _meets(self, point: str, data: bytes) -> Mishap | None:
        with self._lock:
            for mishap in self._mishaps:
                if point == "connect":
                    if mishap.point != "connect":
                        continue
                elif mishap.point == "connect" or not POINTS[mishap.point].search(data):
                    continue
                mishap.seen += 1
                if mishap.nth <= mishap.seen < mishap.nth + mishap.times:
                    mishap.fired += 1
                    return mishap
        return None

    def _begin(self, link: _Link, mishap: Mishap) -> bool:
        """The mishap happens now; whether the connection is gone with it."""
        match mishap.action:
            case "cut" | "refuse":
                link.close()
                return True
            case "stall":
                link.open_gate.clear()
            case "slow":
                link.slowness = 0.15
            case "drip":
                link.dripping = True
            case "call":
                mishap.call()
        return False

    def _up(self, link: _Link, server: socket.socket) -> None:
        try:
            while data := link.client.recv(1 << 18):
                mishap = self._meets("statement", data)
                if mishap is not None:
                    if mishap.after:
                        link.pending = mishap
                    elif self._begin(link, mishap):
                        return
                link.open_gate.wait()
                if link.slowness:
                    time.sleep(link.slowness)
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            link.close()

    @staticmethod
    def _drip(link: _Link, data: bytes) -> None:
        for k in range(len(data)):
            link.client.sendall(data[k : k + 1])
            time.sleep(0.02 if link.dripping else 0)

    def _down(self, link: _Link, server: socket.socket) -> None:
        answer = b""
        try:
            while data := server.recv(1 << 18):
                mishap = link.pending
                if mishap is not None:
                    answer += data
                    if not READY.search(answer):
                        continue
                    data, answer, link.pending = answer, b"", None
                    if self._begin(link, mishap):
                        return
                link.open_gate.wait()
                if link.dripping:
                    self._drip(link, data)
                else:
                    link.client.sendall(data)
            link.client.shutdown(socket.SHUT_WR)
        except OSError:
            link.close()


@contextmanager
def running_proxy(host: str, port: int) -> Iterator[Proxy]:
    """A proxy on a free port of 127.0.0.1."""
    proxy = Proxy(host, port)
    try:
        yield proxy
    finally:
        proxy.close()
