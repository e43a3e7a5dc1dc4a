"""What a making reads: the files, the folders and the variables that are noted, and those that are not."""

from __future__ import annotations

import importlib
import os
import sqlite3
import string
import subprocess
import sys
import tempfile
import threading

import pytest

from tapdaemon.persist.make import provenance
from tapdaemon.persist.make.recorded import recorded


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A working folder, with a file and a folder in it, and a home folder beside them."""
    (tmp_path / "settings.ini").write_text("a")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one").write_text("1")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "mine").write_text("m")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHOP_KEY", "secret")
    monkeypatch.delenv("SHOP_UNSET", raising=False)
    return tmp_path


def _read(path):
    with open(path, "rb") as file:
        return file.read()


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("settings.ini", _read),
        (b"settings.ini", _read),
        ("./data/../settings.ini", _read),
        ("settings.ini", lambda path: os.close(os.open(path, os.O_RDONLY))),
        ("settings.ini", lambda path: subprocess.run(["/bin/true"], stdin=open(path), check=True)),  # noqa: SIM115 - as an application may
    ],
)
def test_a_relative_path_is_declared_as_absolute_and_warned_of_as_given(room, path, read):
    """Each start goes to the same folder first, so the file is the one there; the line says which that is."""
    with recorded() as found:
        read(path)
    given = os.fsdecode(path)
    assert found.files == (str(room / "settings.ini"),)
    assert found.warnings("shop") == [f"it reads {given}, a relative path: each start reads it from {room}"]


def test_an_absolute_path_is_declared_without_a_warning(room):
    """It is the same path at each start; read twice it is declared once."""
    with recorded() as found:
        _read(room / "data" / "one")
        _read(str(room / "data" / "one"))
    assert (found.files, found.warnings("shop")) == ((str(room / "data" / "one"),), [])


def test_a_folder_that_is_listed_is_declared(room):
    """os.listdir and os.scandir, which os.walk and glob use, too."""
    with recorded() as found:
        os.listdir(room / "data")
        list(os.walk(room / "home"))
    assert found.files == (str(room / "data"), str(room / "home"))


def test_a_file_of_the_home_folder_is_warned_of(room):
    """It is declared as any other, and the line names it with ~."""
    with recorded() as found:
        _read(os.path.expanduser("~/mine"))
    assert found.files == (str(room / "home" / "mine"),)
    (line,) = found.warnings("shop")
    assert line.startswith("it reads ~/mine: ")


def test_a_file_that_is_not_there_is_no_need(room):
    """An optional file that was looked for in vain is missed nowhere."""
    with recorded() as found:
        with pytest.raises(FileNotFoundError):
            _read(room / "absent")
        with pytest.raises(FileNotFoundError):
            os.listdir(room / "absent")
    assert (found.files, found.warnings("shop")) == ((), [])


def test_what_is_written_is_warned_of_and_not_declared(room):
    """Nor is it when it is read afterwards; what is gone again was a temporary file."""
    with recorded() as found:
        (room / "out.log").write_text("x")
        _read(room / "out.log")
        (room / "made").mkdir()
        (room / "made" / "inside").write_text("named with its folder")
        sqlite3.connect(room / "shop.db").close()
        sqlite3.connect(":memory:").close()
        with tempfile.NamedTemporaryFile(dir=room) as file:
            file.write(b"x")
        (room / "settings.ini").open("r+").close()
    names = [str(room / name) for name in ("made", "out.log", "settings.ini", "shop.db")]
    assert found.files == ()
    assert found.warnings("shop") == [
        f"it writes {name} while it is made: name its folder with --writable" for name in names
    ]
    assert found.warnings("shop", [str(room)]) == []


def test_what_is_imported_is_not_declared_and_what_a_module_reads_is(room, monkeypatch):
    """Code travels in the tap or is installed; the file that the module opens at its top level does neither."""
    (room / "shop_of_reads.py").write_text("import wsgiref.simple_server\nopen('data/one').close()\n")
    monkeypatch.syspath_prepend(str(room))
    with recorded() as found:
        importlib.invalidate_caches()
        importlib.import_module("shop_of_reads")
    monkeypatch.delitem(sys.modules, "shop_of_reads")
    assert found.files == (str(room / "data" / "one"),)


def test_what_every_host_has_is_not_declared(room):
    """The host's own files, kernel files, installed distributions, and the .tac itself."""
    with recorded([str(room / "settings.ini")]) as found:
        for path in ("/etc/passwd", "/proc/self/status", "/dev/null", os.__file__, pytest.__file__):
            _read(path)
        os.listdir("/")
        _read("settings.ini")
        with open("/dev/null", "w"):
            pass
    assert (found.files, found.warnings("shop")) == ((), [])


@pytest.mark.parametrize(
    "look",
    [
        lambda name: os.environ[name],
        lambda name: os.environ.get(name, ""),
        lambda name: name in os.environ,
        os.getenv,
        lambda name: os.environb.get(name.encode()),
        lambda name: os.getenvb(name.encode()),
        lambda name: os.environ.setdefault(name, "other"),
        lambda name: os.path.expandvars(f"${name}"),
        lambda name: string.Template(f"${name}").substitute(os.environ),
        lambda name: [os.environ[one] for one in os.environ if one == name],
    ],
)
def test_a_variable_that_is_looked_at_is_declared(room, look):
    """By whichever way its name is given."""
    with recorded() as found:
        look("SHOP_KEY")
    assert found.environment == ("SHOP_KEY",)
    assert found.warnings("shop") == ["it reads $SHOP_KEY: put it into /etc/default/tap-shop for the unit"]


def test_a_variable_that_is_not_set_is_declared_without_a_warning(room):
    """Here and there it is not set: the unit lacks nothing."""
    with recorded() as found:
        assert os.environ.get("SHOP_UNSET") is None
        assert "SHOP_UNSET" not in os.environ
    assert (found.environment, found.warnings("shop")) == (("SHOP_UNSET",), [])


@pytest.mark.parametrize(
    "look",
    [
        lambda: dict(os.environ),
        lambda: {**os.environ},
        lambda: os.environ | {},
        lambda: {} | os.environ,
        os.environ.copy,
        lambda: list(os.environ.items()),
        lambda: list(os.environ.values()),
        lambda: list(os.environ.keys()),
        os.environb.copy,
        lambda: os.path.expanduser("~"),
        lambda: os.environ.get("LC_ALL"),
        lambda: os.environ.get("PYTHONPATH"),
        tempfile.gettempdir,
        lambda: subprocess.run(["true"], check=True),
        lambda: subprocess.run(["/bin/true"], check=True, env=os.environ | {"A": "b"}),
    ],
)
def test_what_looks_at_all_or_at_pythons_own_declares_nothing(room, look):
    """A copy of the whole environment for a child names no variable."""
    with recorded() as found:
        look()
    assert found.environment == ()


def test_a_variable_that_the_making_has_set_is_its_own(room, monkeypatch):
    """carbon sets GRAPHITE_ROOT and reads it again."""
    monkeypatch.setenv("SHOP_OWN", "")  # so that it is taken back
    with recorded() as found:
        os.environ["SHOP_OWN"] = "1"
        assert os.environ["SHOP_OWN"] == "1"
    assert found.environment == ()


def test_the_environment_is_the_same_object_and_itself_again(room):
    """Whoever imported it by name has it, and nothing is noted once the recording is closed."""
    environ, kinds = os.environ, (type(os.environ), type(os.environb))
    with recorded() as found:
        assert os.environ is environ
        assert isinstance(os.environ, kinds[0])
    assert (type(os.environ), type(os.environb)) == kinds
    _read("settings.ini")
    os.environ.get("SHOP_KEY")
    assert (found.files, found.environment) == ((), ())


def test_a_making_that_fails_ends_the_recording(room):
    """The next one notes its own alone."""
    kind = type(os.environ)
    with pytest.raises(FileNotFoundError), recorded():
        _read("absent")
    assert type(os.environ) is kind
    with recorded() as found:
        _read(room / "data" / "one")
    assert found.files == (str(room / "data" / "one"),)


def test_errors_are_those_of_the_environment_itself(room):
    """A missing name is a KeyError with that name, another type a TypeError."""
    with recorded():
        with pytest.raises(KeyError) as missing:
            os.environ["SHOP_UNSET"]
        with pytest.raises(TypeError):
            os.environ[1]
    assert missing.value.args == ("SHOP_UNSET",)


def test_a_step_back_from_a_link_leads_where_the_kernel_goes(room):
    """What the manifest declares has no step back in it."""
    (room / "elsewhere" / "deep").mkdir(parents=True)
    (room / "elsewhere" / "one").write_text("1")
    (room / "link").symlink_to(room / "elsewhere" / "deep")
    with recorded() as found:
        _read("link/../one")
    assert found.files == (str(room / "elsewhere" / "one"),)


def test_a_name_that_no_manifest_can_say_is_warned_of(room):
    """A newline in it does not end the making of the tap."""
    (room / "a\nb").write_text("x")
    with recorded() as found:
        _read(room / "a\nb")
    (line,) = found.warnings("shop")
    assert (found.files, "\n" in line, "no tap can declare" in line) == ((), False, True)


def test_what_a_thread_reads_is_noted(room):
    """A making may read in threads."""
    with recorded() as found:
        thread = threading.Thread(target=_read, args=("settings.ini",))
        thread.start()
        thread.join()
    assert found.files == (str(room / "settings.ini"),)


def test_a_switch_of_a_library_is_declared_where_it_is_set(room, monkeypatch):
    """A library that asks for its switches as it is imported needs none of them; the application's own module may."""
    (room / "switched_of_reads.py").write_text("import os\nos.environ.get('SHOP_UNSET'), os.environ.get('SHOP_KEY')\n")
    monkeypatch.syspath_prepend(str(room))
    is_installed = provenance.is_installed
    for found_in, expected in ((str(room), ("SHOP_KEY",)), ("/nowhere", ("SHOP_KEY", "SHOP_UNSET"))):
        monkeypatch.setattr(
            provenance, "is_installed", lambda path, at=found_in: path.startswith(at) or is_installed(path)
        )
        with recorded() as found:
            importlib.invalidate_caches()
            importlib.import_module("switched_of_reads")
        monkeypatch.delitem(sys.modules, "switched_of_reads")
        assert found.environment == expected
