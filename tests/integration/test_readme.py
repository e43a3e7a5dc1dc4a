"""What the README promises of an application built by hand."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

import pytest

from conftest import free_port, mktap, until

README = Path(__file__).parents[2] / "README.md"


def desk_source(port: int, uplink: int) -> str:
    """The README's own desk.tac, on free ports."""
    (source,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert source.count(":7007:") == 1
    assert source.count(":7008") == 1
    return source.replace(":7007:", f":{port}:").replace(":7008", f":{uplink}")


def ask(port: int, line: str) -> str:
    with socket.create_connection(("127.0.0.1", port), 10) as client, client.makefile("rw", newline="\r\n") as file:
        file.write(line + "\n")
        file.flush()
        return file.readline().strip()


class Uplink:
    """The peer that ClientService connects to: counts who came."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.greetings: list[bytes] = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:  # closed: the test is over
                return
            with client:
                self.greetings.append(client.recv(100))
                client.recv(100)

    def close(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join(10)


@pytest.fixture
def uplink():
    peer = Uplink()
    yield peer
    peer.close()


def test_all_of_the_desk_is_back_after_a_stop_and_a_start(tmp_path, tapd, uplink):
    """Count, added service, removed service, timer and connection are there again, without the .tac."""
    port = free_port()
    tac = tmp_path / "desk.tac"
    tac.write_text(desk_source(port, uplink.port))
    mktap("-y", "desk.tac", cwd=tmp_path)
    tac.unlink()

    server = tapd("desk.tap")
    assert [ask(port, "visit") for _ in range(3)] == ["1", "2", "3"]
    until(lambda: int(ask(port, "ticks")) > 2, "the clock")
    assert ask(port, "add bell") == "added"
    assert ask(port, "remove clock") == "removed"
    until(lambda: len(uplink.greetings) == 1, "the first connection")
    assert server.stop() == 0, server.log
    assert "Traceback" not in server.log

    server = tapd("desk.tap")
    assert "resumed" in server.log
    assert ask(port, "visit") == "4"
    assert ask(port, "list") == "bell port uplink"
    ticks = int(ask(port, "ticks"))
    until(lambda: int(ask(port, "ticks")) > ticks, "the bell")
    until(lambda: len(uplink.greetings) == 2, "the second connection")
    assert uplink.greetings == [b"the desk is open\r\n"] * 2
    assert server.stop() == 0, server.log
    assert "Traceback" not in server.log


def test_an_application_of_twisteds_own_is_saved_the_same_way(tmp_path, tapd):
    """service.Application instead of tapdaemon.Application: same makers, same snapshot."""
    port = free_port()
    source = desk_source(port, free_port()).replace("import tapdaemon\n", "from twisted.application import service\n")
    (tmp_path / "desk.tac").write_text(source.replace("tapdaemon.Application", "service.Application"))
    mktap("-y", "desk.tac", cwd=tmp_path)
    for count in (1, 2):
        server = tapd("desk.tap")
        assert ask(port, "visit") == str(count)
        assert server.stop() == 0, server.log
