"""What a making reads: names that it chooses from all, and what libraries open and look at by themselves."""

from __future__ import annotations

import linecache
import os
import shutil
import ssl

import pytest

from tapdaemon.persist.make.recorded import recorded

CHOSEN = ("SHOP_KEY", "SHOP_ONE", "SHOP_TWO")


@pytest.fixture(autouse=True)
def _variables(monkeypatch):
    for name in CHOSEN:
        monkeypatch.setenv(name, "1")


@pytest.mark.parametrize("names", [lambda: os.environ, lambda: list(os.environ), lambda: sorted(os.environ)])
def test_variables_that_are_chosen_from_all_are_declared(names):
    """By their beginning, say: those whose values are asked for, and no other; a copy beside them changes nothing."""
    with recorded() as found:
        assert [os.environ[name] for name in names() if name.startswith("SHOP_")] == ["1", "1", "1"]
        dict(os.environ)
    assert found.environment == CHOSEN


def test_a_copy_in_another_order_is_a_copy():
    """Each name that was passed is asked for, so none was chosen."""
    with recorded() as found:
        assert {name: os.environ[name] for name in sorted(os.environ)} == dict(os.environ)
    assert found.environment == ()


def test_a_variable_is_declared_beside_a_copy():
    """Before it and after it."""
    with recorded() as before:
        os.environ.get("SHOP_KEY")
        dict(os.environ)
    with recorded() as after:
        dict(os.environ)
        os.environ.get("SHOP_KEY")
    assert before.environment == after.environment == ("SHOP_KEY",)


def test_what_the_standard_library_looks_at_itself_is_not_declared():
    """ssl asks for SSLKEYLOGFILE by itself, whoever wants a context."""
    with recorded() as found:
        ssl.create_default_context()
        shutil.get_terminal_size()
    assert found.environment == ()


def test_a_configuration_in_python_is_declared(tmp_path):
    """A .py that the application opens and runs itself is no import; the lines of a traceback are."""
    (tmp_path / "conf.py").write_text("port = 1\n")
    (tmp_path / "other.py").write_text("1 / 0\n")
    with recorded() as found:
        exec((tmp_path / "conf.py").read_text())
        assert linecache.getline(str(tmp_path / "other.py"), 1) == "1 / 0\n"
    assert found.files == (str(tmp_path / "conf.py"),)


def test_a_working_folder_that_is_gone_is_no_error_of_the_applications(tmp_path, monkeypatch):
    """An audit hook that raises would make the open fail."""
    (tmp_path / "settings").write_text("a")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with recorded():
        assert (tmp_path / "settings").read_text() == "a"
