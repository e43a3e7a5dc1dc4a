"""Honeypots: Cowrie and OpenCanary; each pins its own versions of everything, so each has an environment of its own."""

from __future__ import annotations

import ftplib
import json
import os
import subprocess

import pytest
from third_party import LIMIT, Lines, Place, eventually, of

COWRIE = """\
[honeypot]
sensor_name = sensor
log_path = FOLDER/log
download_path = FOLDER/downloads
state_path = FOLDER/state
ttylog_path = FOLDER/tty
[ssh]
enabled = true
listen_endpoints = tcp:PORT0:interface=127.0.0.1
rsa_public_key = FOLDER/state/rsa.pub
rsa_private_key = FOLDER/state/rsa
ecdsa_public_key = FOLDER/state/ecdsa.pub
ecdsa_private_key = FOLDER/state/ecdsa
ed25519_public_key = FOLDER/state/ed25519.pub
ed25519_private_key = FOLDER/state/ed25519
[telnet]
enabled = true
listen_endpoints = tcp:PORT1:interface=127.0.0.1
[output_jsonlog]
enabled = true
logfile = FOLDER/log/cowrie.json
epoch_timestamp = false
"""


def breaks_in(place: Place) -> None:
    """Somebody logs in by telnet and types; every word of every round is in the log; the host's key stays."""
    with place.connect(1) as connection:
        client = Lines(connection)
        client.until("ogin: ")
        client.say("root\r\n")
        client.until("assword: ")
        client.say("a-password\r\n")
        client.until("# ")
        client.say(f"echo {place.names[-1]}\r\n")
        client.until("# ")
    log = place.folder / "log" / "cowrie.json"

    def typed() -> list[str]:
        events = [json.loads(line) for line in log.read_text().splitlines()]
        return [one["input"] for one in events if one["eventid"] == "cowrie.command.input"]

    eventually(lambda: typed() == [f"echo {name}" for name in place.names], "what was typed")
    command = ["ssh-keyscan", "-t", "ed25519", "-p", str(place.port), "127.0.0.1"]
    key = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True).stdout
    assert "ssh-ed25519 " in key
    assert place.kept.setdefault("key", key) == key


@of("cowrie", breaks_in)
def _(place: Place) -> list[str]:
    """SSH and telnet; a whole file system in memory for each session; refuses to run as root."""
    for name in ("log", "downloads", "state", "tty"):
        (place.folder / name).mkdir()
    place.write("cowrie.cfg", COWRIE)
    if os.getuid() == 0:
        place.before[:] = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
        if subprocess.run([*place.before, "true"], capture_output=True, check=False).returncode:
            pytest.skip("SKIPPED: cowrie refuses to run as root, and here is no user namespace")
    return ["cowrie"]


CANARY = """{
"device.node_id": "canary", "device.listen_addr": "127.0.0.1",
"ftp.enabled": true, "ftp.port": PORT0, "ftp.banner": "FTP server ready",
"http.enabled": true, "http.port": PORT1, "http.banner": "Apache", "http.skin": "nasLogin",
"telnet.enabled": true, "telnet.port": PORT2, "telnet.banner": "",
"logger": {"class": "PyLogger", "kwargs": {
    "formatters": {"plain": {"format": "%(message)s"}},
    "handlers": {"file": {"class": "logging.FileHandler", "filename": "FOLDER/canary.log"}}}}
}"""


def is_told(place: Place) -> None:
    """Somebody tries a password by FTP, and looks at a page: the log has every try of every round."""
    place.connect().close()
    with ftplib.FTP() as client:
        client.connect("127.0.0.1", place.port, LIMIT)
        with pytest.raises(ftplib.error_perm):
            client.login("name", place.names[-1])
    assert b"<html" in place.ask("/index.html", index=1).lower()

    def tried() -> list[str]:
        events = [json.loads(line) for line in (place.folder / "canary.log").read_text().splitlines()]
        return [one["logdata"]["PASSWORD"] for one in events if "PASSWORD" in one.get("logdata", {})]

    eventually(lambda: tried() == place.names, "the tries")


@of("opencanary", is_told)
def _(place: Place) -> list[str]:
    """Services of many protocols from one .tac, whose settings and log are made when its modules are imported."""
    place.write("opencanary.conf", CANARY)
    place.env["HOME"] = str(place.folder)
    return ["-y", place.script("opencanary.tac")]
