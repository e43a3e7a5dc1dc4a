"""Saving by name and by value, what cannot be saved, and putting a new declaration onto an old state."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import types
import weakref
from pathlib import Path

import livelihood
import pytest
from twisted.application import internet, service
from twisted.internet import defer, endpoints, reactor, task
from twisted.logger import Logger, globalLogPublisher
from twisted.persisted.sob import IPersistable
from twisted.python.logfile import LogFile
from twisted.web.server import Site
from twisted.web.static import File

import tapdaemon
from tapdaemon import errors
from tapdaemon.persist import images
from tapdaemon.persist.codec import pickling, styles
from tapdaemon.persist.make import child, likeness, reads, redeclare
from tapdaemon.persist.rules import descriptions, references


def again(value):
    """The value as a fresh load has it."""
    return pickling.loads(pickling.dumps(value)[0])


def application(*services, name="app"):
    made = tapdaemon.Application(name)
    for one in services:
        one.setServiceParent(made)
    return made


# ---- by name


def test_the_reactor_is_saved_by_name():
    """Wherever it is reached, and its resolver with it."""
    assert again([reactor, {"deep": reactor}])[1]["deep"] is reactor
    assert again(reactor.nameResolver) is reactor.nameResolver
    assert again(reactor.callLater).__self__ is reactor


def test_loggers_modules_streams_and_environment_are_saved_by_name():
    """They are the loading process's own."""
    logger = again(Logger("here"))
    assert (logger.namespace, logger.observer) == ("here", globalLogPublisher)
    assert again(globalLogPublisher) is globalLogPublisher
    assert again(os) is os
    assert again(sys.__stdout__) is sys.stdout
    assert again(os.environ) is os.environ


def test_files_are_opened_again_and_never_emptied(tmp_path):
    """By path and mode; what was written stays."""
    path = tmp_path / "log"
    with path.open("w") as file:
        file.write("kept\n")
        file.flush()
        with again(file) as reopened:
            assert reopened.mode == "a"
            reopened.write("more\n")
    assert path.read_text() == "kept\nmore\n"


def test_a_log_file_survives_being_saved(tmp_path):
    """LogFile by its arguments, and the live one still writes: its own __getstate__ would destroy it."""
    live = LogFile("x.log", str(tmp_path), rotateLength=1000, maxRotatedFiles=3)
    loaded = again(live)
    assert (loaded.path, loaded.rotateLength, loaded.maxRotatedFiles) == (live.path, 1000, 3)
    live.write("still here\n")
    live.flush()
    assert Path(live.path).read_text() == "still here\n"
    live.close()
    loaded.close()


def test_endpoints_remember_their_strings():
    """One that holds more than an address is saved by its description; systemd: is parsed when it listens."""
    described = descriptions.server_from_string(reactor, "haproxy:tcp:0:interface=127.0.0.1")
    assert b"haproxy:tcp:0" in pickling.dumps(described)[0]
    assert type(again(described)) is type(described)
    late = descriptions.server_from_string(reactor, "systemd:domain=INET:index=0")
    assert type(again(late)) is descriptions.LateServerEndpoint
    with pytest.raises((ValueError, IndexError, KeyError)):  # no descriptor was passed: asked for now, not before
        late.listen(livelihood.EchoFactory())


def test_plain_endpoints_are_saved_by_value():
    """A host and a port need no parser, and so no plugin scan at start."""
    endpoint = again(descriptions.server_from_string(reactor, "tcp:1:interface=127.0.0.1"))
    assert (endpoint._port, endpoint._interface, endpoint._reactor) == (1, "127.0.0.1", reactor)
    hand_made = again(endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", 2))
    assert hand_made._port == 2


def test_every_rule_keeps_the_law(tmp_path):
    """What a payload of ours calls while loading is a reconstructor, a class, or getattr for a method."""
    keeper = livelihood.Keeper()
    log = LogFile("x.log", str(tmp_path))
    with (tmp_path / "file").open("w") as file:
        samples = [
            reactor, reactor.nameResolver, Logger("x"), globalLogPublisher, defer.Deferred(), os, file, os.environ, log,
            threading.Lock(), threading.RLock(), weakref.ref(keeper), weakref.WeakValueDictionary(), weakref.WeakSet(),
            types.MappingProxyType({}), keeper.method, livelihood.make_adder(1), sys.__stderr__,
            descriptions.server_from_string(reactor, "haproxy:tcp:0"),
            internet.ClientService(endpoints.TCP4ClientEndpoint(reactor, "h", 1), livelihood.EchoFactory()),
        ]  # fmt: skip
        for sample in samples:
            rule = references.rule_for(type(sample))
            assert rule is not None, sample
            made = rule(sample)
            called = [made[0], *(one for one in made[5:6] if one is not None)]
            assert set(called) <= {*references.RECONSTRUCTORS, getattr}, sample
    log.close()


# ---- functions


def test_functions_that_have_a_global_name_are_saved_by_it():
    """A decorated one is what the name says."""
    assert again(livelihood.decorated) is livelihood.decorated
    assert again(livelihood.make_adder) is livelihood.make_adder


def test_closures_keep_their_cells():
    """With the values that they have now; two that share a cell go on sharing it."""
    add = livelihood.make_adder(10)
    assert add(5) == 15
    first, second = again([add, add])
    assert first is second
    assert first(1) == 16
    assert add(0) == 15


def test_what_a_cell_holds_is_not_compared():
    """It may be half loaded, or make something of its own of a comparison."""
    assert isinstance(again(livelihood.make_holder(livelihood.Touchy()))(), livelihood.Touchy)


def test_a_function_that_calls_itself_is_whole():
    """Its cell holds it."""
    assert again(livelihood.make_recursive())(3) == [3, 2, 1]


def test_namesakes_are_told_apart():
    """Two lambdas of one line are two."""
    assert [function() for function in again(livelihood.make_twins())] == ["first", "second"]


def test_a_lambda_at_module_level_and_a_wrapped_original():
    """Found in the module's source by their place."""
    assert again(livelihood.double)(4) == 8
    assert again(livelihood.decorated.__wrapped__)(4) == 4


def test_methods_by_the_name_that_their_class_has_for_them():
    """Decorated without functools.wraps, a lambda, private, of the class, and given to one object alone."""
    dressed = livelihood.Dressed()
    dressed.own = types.MethodType(livelihood.stranger, dressed)
    held = [dressed.second, dressed.first, dressed.third, dressed.fourth, dressed.fifth(), dressed.own]
    said = ["wrapped second", "wrapped first", "third", "fourth", "fifth", "stranger of Dressed"]
    assert [method() for method in held] == said
    assert [method() for method in again(held)] == said


def test_an_overridden_method_is_not_the_one_that_overrides_it():
    """``super().render``, kept, is the base's afterwards."""
    over = livelihood.Overdressed()
    assert [method() for method in again([over.under(), over.first])] == ["wrapped first", "over"]


def test_methods_follow_their_objects():
    """Bound, private and class methods."""
    keeper = livelihood.Keeper("thing")
    same, method, private = again([keeper, keeper.method, keeper.get_private()])
    assert method.__self__ is same
    assert method() == "thing"
    assert private() == "private"
    assert again(livelihood.Keeper.make)().thing is None


# ---- what belongs to a run


def test_what_belongs_to_this_run_is_dropped():
    """Deferreds, delayed calls and ports are None again."""
    call = reactor.callLater(1000, int)
    port = reactor.listenTCP(0, livelihood.EchoFactory(), interface="127.0.0.1")
    try:
        assert again([defer.Deferred(), defer.succeed(1), call, port]) == [None] * 4
    finally:
        call.cancel()
        port.stopListening()


def test_locks_and_weak_references_are_made_anew():
    """A lock is free, a reference leads to the loaded object."""
    keeper = livelihood.Keeper()
    mapping = weakref.WeakValueDictionary({"a": keeper})
    lock, rlock, loaded, reference, weak = again(
        [threading.Lock(), threading.RLock(), keeper, weakref.ref(keeper), mapping]
    )
    assert lock.acquire(blocking=False)
    assert rlock.acquire(blocking=False)
    assert reference() is loaded
    assert dict(weak) == {"a": loaded}
    assert again(types.MappingProxyType({"x": 1}))["x"] == 1


def test_a_factory_is_saved_unstarted():
    """numPorts would keep startFactory from being called again; a site's clock and log belong to the run."""
    site = Site(File("/"))
    site.numPorts = 3
    site._logDateTime = "now"
    loaded = again(site)
    assert (loaded.numPorts, loaded._logDateTime, site.numPorts) == (0, None, 3)


def test_a_client_service_is_made_from_its_arguments():
    """Its state machine has no value; name and parent stay."""
    made = internet.ClientService(
        endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", 9), livelihood.EchoFactory(), retryPolicy=livelihood.double
    )
    made.setName("uplink")
    loaded = again(application(made))
    (uplink,) = service.IServiceCollection(loaded)
    assert uplink.name == "uplink"
    assert uplink.parent is service.IService(loaded)
    assert pickling.dumps(uplink)


def test_a_stopped_timer_can_be_started():
    """A timer whose loop ran is saved without it."""
    clock = task.Clock()
    timer = internet.TimerService(1, livelihood.Keeper().method)
    timer.clock = clock
    timer.startService()
    timer.stopService()
    again(timer)


# ---- the application


def test_an_application_is_an_object_like_any_other():
    """Adaptable to the four interfaces, changed through them, and back after a load."""
    made = tapdaemon.Application("app", uid="www-data", gid=33)
    assert (made.name, made.uid, made.gid) == ("app", "www-data", 33)
    for interface in (service.IService, service.IServiceCollection, service.IProcess, IPersistable):
        assert interface(made) is interface(made)
    service.IProcess(made).uid = 1
    livelihood.Keeper("x").setServiceParent(made)
    loaded = again(made)
    assert (loaded.uid, [one.thing for one in service.IServiceCollection(loaded)]) == (1, ["x"])


@pytest.mark.parametrize("make", [tapdaemon.Application, service.Application])
def test_save_and_load(tmp_path, make):
    """tapdaemon.save and load, and IPersistable's save, for both kinds of application; mode 0600."""
    made = make("app")
    livelihood.Keeper("x").setServiceParent(service.IServiceCollection(made))
    tapdaemon.save(made, tmp_path / "app.tap")
    loaded = tapdaemon.load(tmp_path / "app.tap")
    assert type(loaded) is type(made)
    assert [one.thing for one in service.IServiceCollection(loaded)] == ["x"]
    assert (tmp_path / "app.tap").stat().st_mode & 0o777 == 0o600


def test_persistables_save_writes_a_tap(tmp_path, monkeypatch):
    """NAME.tap, NAME-TAG.tap or a file's name, in the style that setStyle chose."""
    monkeypatch.chdir(tmp_path)
    persistable = IPersistable(tapdaemon.Application("app"))
    persistable.setStyle("pickle")
    persistable.save()
    persistable.save(tag="shutdown")
    persistable.save(filename="other.tap")
    assert sorted(os.listdir(tmp_path)) == ["app-shutdown.tap", "app.tap", "other.tap"]
    assert tapdaemon.load("other.tap").name == "app"
    with pytest.raises(errors.UnknownNameError, match="known are: pickle"):
        persistable.setStyle("xml")


def test_own_modules_travel_in_the_tap():
    """A module that nothing installed provides is in code/; what is installed is named with its version."""
    made = application(livelihood.Keeper())
    image = images.make(made)
    assert dict(image.manifest.needs.distributions)["Twisted"]
    assert "livelihood" in image.manifest.needs.modules
    assert "livelihood.py" in image.code


# ---- what cannot be saved


def test_each_object_that_cannot_be_saved_is_told_with_its_way():
    """All of them at once, with way, type, reason and remedy; what can be saved is not among them."""
    deep = livelihood.Keeper({"list": [1, {"socket": (byte for byte in b"")}]})
    deep.setName("deep")
    stuck = livelihood.Keeper(livelihood.Stuck())
    namespace: dict[str, object] = {"__name__": "nowhere_to_be_found"}
    exec("homeless = lambda: 0", namespace)
    homeless = livelihood.Keeper(namespace["homeless"])
    fine = livelihood.Keeper([livelihood.double, reactor, defer.Deferred()])
    with pytest.raises(errors.UnsavableError) as caught:
        styles.dump(application(deep, stuck, homeless, fine), "pickle")
    first, second, third = caught.value.objects
    assert first.startswith("app/deep → thing['list'][1]['socket']: builtins.generator: cannot pickle 'generator'")
    assert second.startswith(
        "app/Keeper[1] → thing: livelihood.Stuck: not while the moon is up; drop it in __getstate__"
    )
    assert third.startswith(
        "app/Keeper[2] → thing: a lambda (<string>:1) has no name to be saved by; define it with def"
    )


def test_a_class_of_the_started_program_is_told(monkeypatch):
    """What lives in __main__ could not be found by the process that loads it."""
    monkeypatch.setattr(livelihood.Keeper, "__module__", "__main__")
    with pytest.raises(errors.UnsavableError, match="lives in the program that was started"):
        styles.dump(application(livelihood.Keeper()), "pickle")


def test_a_file_without_a_path_is_told():
    """The object is named, not only 'cannot pickle'."""
    reading, writing = os.pipe()
    with (
        os.fdopen(reading) as file,
        os.fdopen(writing, "w"),
        pytest.raises(errors.UnsavableError, match="without a path"),
    ):
        styles.dump(application(livelihood.Keeper(file)), "pickle")


@pytest.mark.parametrize(
    ("payload", "part"),
    [
        (b"\x80\x05cno_such_module\nThing\n.", "no module no_such_module"),
        (b"\x80\x05clivelihood\nNoSuchThing\n.", "it is gone from livelihood"),
        (b"\x80\x05clivelihood", "loading it failed with"),
        (b"", "loading it failed with EOFError"),
    ],
)
def test_a_payload_that_cannot_be_loaded_is_one_error(payload, part):
    """Status 65, with what is missing."""
    with pytest.raises(errors.UnloadableError, match=part) as caught:
        pickling.loads(payload)
    assert caught.value.status == 65


# ---- a new declaration on an old state


def listening(port: int, thing: str = "old", path: str = "/srv/old"):
    keeper = livelihood.Keeper({"path": path, "list": [thing, 2]})
    keeper.setName("keeper")
    endpoint = descriptions.server_from_string(reactor, f"tcp:{port}")
    return application(
        internet.StreamServerEndpointService(endpoint, livelihood.EchoFactory()),
        internet.TCPServer(port, livelihood.EchoFactory(), interface="127.0.0.1"),
        keeper,
    )


def test_what_is_declared_anew_is_put_onto_the_state():
    """Endpoint, tuple item, dict item and list item come from the new base; what the run changed stays."""
    moved = redeclare.differences(listening(1), listening(2, "new", "/srv/new"))
    assert moved == (
        "app/StreamServerEndpointService[0] → endpoint",
        "app/TCPServer[1] → args[0]",
        "app/keeper → thing['path']",
        "app/keeper → thing['list'][0]",
    )
    live = listening(1)
    keeper = service.IServiceCollection(live).getServiceNamed("keeper")
    keeper.visits = 7
    keeper.thing["list"][1] = 99
    assert redeclare.apply(moved, listening(2, "new", "/srv/new"), live) == []
    stream, server, keeper = service.IServiceCollection(live)
    assert stream.endpoint._port == 2
    assert server.args[0] == 2
    assert keeper.thing == {"path": "/srv/new", "list": ["new", 99]}
    assert keeper.visits == 7


def test_what_the_state_no_longer_has_is_told():
    """A service that the run removed cannot be declared anew."""
    moved = redeclare.differences(listening(1), listening(2))
    live = listening(1)
    service.IServiceCollection(live).removeService(next(iter(service.IServiceCollection(live))))
    assert redeclare.apply(moved, listening(2), live) == list(moved)


def test_another_shape_is_refused():
    """State of another kind of application is not carried over."""
    with pytest.raises(errors.UsageError, match="the service trees differ in"):
        redeclare.differences(listening(1), application(livelihood.Keeper()))
    with pytest.raises(errors.UsageError, match=r"app/Keeper\[0\] → thing: list became dict"):
        redeclare.differences(application(livelihood.Keeper([])), application(livelihood.Keeper({})))


# ---- likeness


def test_a_likeness_does_not_depend_on_time_or_chance():
    """Two makings that differ in time, random numbers and secrets are alike; other input is not."""
    import random
    import secrets
    import time

    def make(extra: str):
        return lambda: (
            repr([time.time(), time.ctime(), random.random(), secrets.token_hex(), extra]).encode(),
            frozenset(),
        )

    first, second, third = (likeness.Likeness(make(extra)).told().digest for extra in ("a", "a", "b"))
    assert first == second != third
    assert len(first) == 64


def test_a_failed_likeness_is_empty():
    """The making in the parent tells why; the child tells nothing."""

    def fail():
        raise RuntimeError

    assert likeness.Likeness(fail).told() == likeness.Alike()


def test_a_stopped_clock_goes_on_afterwards():
    """Functions that were imported by name get the stopped time, and the real ones back."""
    import time

    module = types.ModuleType("uses_time")
    module.now = time.time
    sys.modules["uses_time"] = module
    try:
        with child.stopped_clock(86400):
            assert module.now() == time.time() == 86400
            assert time.gmtime().tm_mday == 2
        assert module.now() > 1e9
    finally:
        del sys.modules["uses_time"]


def test_a_pickle_of_a_stream_is_no_surprise():
    """BytesIO and StringIO have values of their own."""
    assert again(io.BytesIO(b"x")).getvalue() == b"x"


def test_ssh_keys_are_kept_as_openssh_writes_them():
    """A private and a public key, by value; a factory that reads its own from a folder keeps none."""
    keys = pytest.importorskip("twisted.conch.ssh.keys", reason="SKIPPED: this Twisted has no conch extra")
    from cryptography.hazmat.primitives.asymmetric import rsa
    from twisted.conch.openssh_compat.factory import OpenSSHFactory

    key = keys.Key(rsa.generate_private_key(65537, 2048))
    for one in (key, key.public()):
        assert pickling.loads(pickling.dumps(one)[0]) == one
    factory = OpenSSHFactory()
    factory.publicKeys = {b"ssh-rsa": key.public()}
    factory.privateKeys = {b"ssh-rsa": key}
    assert not {"publicKeys", "privateKeys"} & set(vars(pickling.loads(pickling.dumps(factory)[0])))


def test_files_in_an_endpoints_description_are_named_from_the_root(tmp_path, monkeypatch):
    """The tap runs in another folder; what is quoted stays quoted, and other descriptions stay as they are."""
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path)
    for before, after in (
        ("ssl:443:privateKey=key.pem:certKey=/x/c\\:1.pem", f"ssl:443:privateKey={here}/key.pem:certKey=/x/c\\:1.pem"),
        ("ssl:443:privateKey=a\\:b\\\\c", f"ssl:443:privateKey={here}/a\\:b\\\\c"),
        ("tcp:80:interface=127.0.0.1", "tcp:80:interface=127.0.0.1"),
        ("unix:/run/privateKey=x", "unix:/run/privateKey=x"),
    ):
        assert reads.absolute(before) == after


def test_a_context_factory_reads_its_files_again(tmp_path):
    """Twice over: Twisted's own comes back without a context, and cannot be saved a second time."""
    SSL = pytest.importorskip("OpenSSL.SSL", reason="SKIPPED: there is no pyOpenSSL here")  # noqa: N806 - a module
    from twisted.internet.ssl import DefaultOpenSSLContextFactory

    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout key.pem -out cert.pem"
    subprocess.run(make.split(), cwd=tmp_path, check=True, capture_output=True)
    factory = DefaultOpenSSLContextFactory(str(tmp_path / "key.pem"), str(tmp_path / "cert.pem"))
    for _ in range(2):
        factory = pickling.loads(pickling.dumps(factory)[0])
        assert isinstance(factory.getContext(), SSL.Context)
    (tmp_path / "key.pem").unlink()
    with pytest.raises(errors.UnloadableError):
        pickling.loads(pickling.dumps(factory)[0])
