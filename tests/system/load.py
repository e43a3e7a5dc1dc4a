"""Loads a counting site until it is told to stop, and prints what happened as JSON; it runs inside the machine.

    load.py PORT STOP_FILE SHORT KEPT

SHORT clients connect for each request; KEPT ones keep their connection, idle less than the grace, and close it when
the answer says so.  None ever retries.  Standard library only.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
import sys
import threading
import time

PORT, STOP = int(sys.argv[1]), sys.argv[2]
SHORT, KEPT = int(sys.argv[3]), int(sys.argv[4])
IDLE_MAX = 0.4
TIMEOUT = 30.0
lock = threading.Lock()
numbers: list[int] = []
waits: list[float] = []
faults: dict[str, list[str]] = {"refused": [], "cut": [], "wrong": []}


def fault(kind: str, what: object) -> None:
    with lock:
        faults[kind].append(f"{time.time():.3f} {what}")


def connect() -> socket.socket | None:
    try:
        return socket.create_connection(("127.0.0.1", PORT), TIMEOUT)
    except OSError as error:
        fault("refused", error)
        return None


def ask(connection: socket.socket, *, last: bool) -> tuple[bool, bool]:
    """One request; whether it was answered, and whether the connection is done with."""
    header = "Connection: close\r\n" if last else ""
    try:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: x\r\n{header}\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                fault("cut", f"no answer, {data!r}")
                return False, True
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(fields[b"content-length"]):
            part = connection.recv(65536)
            if not part:
                fault("cut", f"half an answer, {data!r}")
                return False, True
            body += part
    except OSError as error:
        fault("cut", error)
        return False, True
    if not head.startswith(b"HTTP/1.1 200") or not body.isdigit():
        fault("wrong", data)
        return False, True
    with lock:
        numbers.append(int(body))
    return True, fields.get(b"connection") == b"close"


def short_client() -> None:
    while not os.path.exists(STOP):
        begun = time.monotonic()
        connection = connect()
        if connection is not None:
            with connection:
                answered, _ = ask(connection, last=True)
            if answered:
                with lock:
                    waits.append(time.monotonic() - begun)
        time.sleep(random.uniform(0.005, 0.02))


def kept_client() -> None:
    connection: socket.socket | None = None
    while not os.path.exists(STOP):
        begun = time.monotonic()
        connection = connection or connect()
        if connection is not None:
            answered, done = ask(connection, last=False)
            if answered:
                with lock:
                    waits.append(time.monotonic() - begun)
            if done:
                connection.close()
                connection = None
        time.sleep(random.uniform(0, IDLE_MAX))
    if connection is not None:
        connection.close()


clients = [
    threading.Thread(target=target)
    for target, count in ((short_client, SHORT), (kept_client, KEPT))
    for _ in range(count)
]
for client in clients:
    client.start()
for client in clients:
    client.join()
waits.sort()
numbers.sort()
print(
    json.dumps(
        {
            "requests": len(waits),
            "faults": faults,
            "first": numbers[0],
            "last": numbers[-1],
            "missing": sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))[:20],
            "twice": [one for one, other in itertools.pairwise(numbers) if one == other][:20],
            "p50": waits[len(waits) // 2] * 1000,
            "p99": waits[len(waits) * 99 // 100] * 1000,
            "longest": waits[-1] * 1000,
        }
    )
)
