"""Graphite's carbon: the cache, the relay and the aggregator, with settings that stand in modules."""

from __future__ import annotations

import pickle
import socket
import struct
import time

from third_party import Place, eventually, of

CONF = """\
[cache]
USER =
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = PORT0
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = PORT1
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = PORT2
ENABLE_UDP_LISTENER = False
MAX_CACHE_SIZE = inf
MAX_UPDATES_PER_SECOND = 500

[relay]
USER =
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = PORT0
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = PORT1
RELAY_METHOD = consistent-hashing
DESTINATIONS = 127.0.0.1:PORT2:a, 127.0.0.1:PORT3:b
DESTINATION_PROTOCOL = line

[aggregator]
USER =
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = PORT0
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = PORT1
FORWARD_ALL = False
DESTINATIONS = 127.0.0.1:PORT2:a
DESTINATION_PROTOCOL = line
REPLICATION_FACTOR = 1
MAX_AGGREGATION_INTERVALS = 5
WRITE_BACK_FREQUENCY = 1
"""


def carbon(place: Place, name: str) -> list[str]:
    conf = place.write("conf/carbon.conf", CONF)
    place.write("conf/storage-schemas.conf", "[default]\npattern = .*\nretentions = 1s:1d\n")
    place.write("conf/aggregation-rules.conf", "sums.<name> (1) = sum tap.<name>.*\n")
    (place.folder / "storage").mkdir()
    place.env["GRAPHITE_ROOT"] = str(place.folder)
    return [name, f"--config={conf}"]


def send(place: Place, *lines: str) -> None:
    with place.connect() as client:
        client.sendall("".join(f"{line} {int(time.time())}\n" for line in lines).encode())


def query(place: Place, metric: str) -> dict:
    """What the cache says to Graphite's web application."""
    request = pickle.dumps({"type": "cache-query", "metric": metric}, protocol=2)
    with place.connect(2) as client:
        client.sendall(struct.pack("!L", len(request)) + request)
        size = struct.unpack("!L", client.recv(4, socket.MSG_WAITALL))[0]
        return pickle.loads(client.recv(size, socket.MSG_WAITALL))


def stores(place: Place) -> None:
    """What was sent is in a Whisper file a moment later: carbon's own writer thread put it there."""
    send(place, f"tap.{place.names[-1]} {place.rounds + 1}")
    assert "datapoints" in query(place, "tap.other")
    for number, name in enumerate(place.names):
        path = place.folder / "storage" / "whisper" / "tap" / f"{name}.wsp"
        eventually(path.exists, f"{name} on the disk")
        values = "import sys, whisper; print(*whisper.fetch(sys.argv[1], int(sys.argv[2]))[1])"
        eventually(
            lambda path=path, number=number, values=values: (
                str(number + 1.0) in place.client(values, str(path), str(int(time.time()) - 600)).split()
            ),
            f"the value of {name}",
        )


@of("carbon, cache", stores)
def _(place: Place) -> list[str]:
    """Settings at module level, filled by the options parser; a writer thread."""
    return carbon(place, "carbon-cache")


def passes_on(place: Place) -> None:
    """Each metric comes to the one destination that it belongs to."""
    metrics = [f"tap.{place.names[-1]}.n{number}" for number in range(10)]
    send(place, *(f"{metric} 1" for metric in metrics))
    a, b = place.kept["heard"]
    for metric in metrics:
        eventually(lambda metric=metric: any(metric.encode() in line for line in a + b), f"{metric} at a destination")
    assert a
    assert b


@of("carbon, relay", passes_on)
def _(place: Place) -> list[str]:
    """Destinations, router and ring are built by the maker, and taken apart by stopService."""
    place.kept["heard"] = place.listener(place.ports[2]), place.listener(place.ports[3])
    return carbon(place, "carbon-relay")


def sums(place: Place) -> None:
    """Two metrics come out as one."""
    name = place.names[-1]
    send(place, f"tap.{name}.a 1", f"tap.{name}.b 2")
    total = f"sums.{name} 3".encode()
    eventually(lambda: any(line.startswith(total) for line in place.kept["heard"]), f"the sum of {name}")


@of("carbon, aggregator", sums)
def _(place: Place) -> list[str]:
    """Rules that are read by a timer; buffers with a loop each, made while it runs."""
    place.kept["heard"] = place.listener(place.ports[2])
    return carbon(place, "carbon-aggregator")
