"""The load generator, a process of its own: `python -m benchmarks.load tcp|http HOST PORT FILE…`, a connection a file.

It says `ready`, waits for a line, sends, and tells on one JSON line when it began and when all was answered, by the
machine's monotonic clock. A file for `tcp` holds what is sent; the service closes a connection whose other end has
shut down when everything that came over it is settled. A file for `http` holds whole requests, each behind its length
(4 bytes, big-endian); the next is sent when the one before is answered.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

RECEIVE_BYTES = 1 << 16
LENGTH_BYTES = 4
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def framed(requests: list[bytes]) -> bytes:
    """Return requests as a file for `http`."""
    return b"".join(len(r).to_bytes(LENGTH_BYTES, "big") + r for r in requests)


def _requests(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        size = int.from_bytes(data[start : start + LENGTH_BYTES], "big")
        start += LENGTH_BYTES + size
        yield data[start - size : start]


def tcp(connection: socket.socket, data: bytes) -> None:
    """Send everything, and wait until the other end has closed."""
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(RECEIVE_BYTES):
        pass


def http(connection: socket.socket, data: bytes) -> None:
    """Send request by request, each after the answer to the one before."""
    for request in _requests(data):
        connection.sendall(request)
        _answer(connection)


def _answer(connection: socket.socket) -> None:
    got = connection.recv(RECEIVE_BYTES)
    while b"\r\n\r\n" not in got:
        more = connection.recv(RECEIVE_BYTES)
        if not more:
            raise ConnectionError("closed amid an answer")
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    while length and len(body) < int(length[1]):
        body += connection.recv(RECEIVE_BYTES)
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise ConnectionError(got[:400].decode(errors="replace"))


def main(kind: str, host: str, port: str, *files: str) -> int:
    """Send each file over a connection of its own, all at once."""
    send: Callable[[socket.socket, bytes], None] = {"tcp": tcp, "http": http}[kind]
    faults: list[str] = []

    def run(connection: socket.socket, data: bytes) -> None:
        try:
            send(connection, data)
        except OSError as fault:
            faults.append(str(fault))

    work = [(socket.create_connection((host, int(port))), Path(file).read_bytes()) for file in files]
    for connection, _ in work:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threads = [threading.Thread(target=run, args=item) for item in work]
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"began": began, "ended": time.monotonic(), "faults": faults}))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
