"""Which of the application's own code travels: by the payload's names and the code's imports; how it is read."""

from __future__ import annotations

import importlib
import importlib.resources
import sys

import pytest

from tapdaemon.core.code import CodeImporter
from tapdaemon.persist.make import provenance, travel


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder on the path, for modules that nothing installed provides."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_imports_are_followed(own):
    """From the module that the payload names, through packages and functions, to what they import in turn."""
    (own / "tr_first.py").write_text("def late():\n    import tr_pack.inner\n")
    (own / "tr_pack").mkdir()
    (own / "tr_pack" / "__init__.py").write_text("")
    (own / "tr_pack" / "inner.py").write_text("from tr_third import x\nfrom . import sibling\nimport click\n")
    (own / "tr_pack" / "data.txt").write_text("words")
    (own / "tr_third.py").write_text("x = 1\ntry:\n    import tr_nowhere\nexcept ImportError:\n    pass\n")
    found = travel.gather({"tr_first", "twisted.web.server"}, {})
    assert set(found.sources) == {
        "tr_first.py", "tr_pack/__init__.py", "tr_pack/inner.py", "tr_pack/data.txt", "tr_third.py",
    }  # fmt: skip
    assert {name for name, _ in found.distributions} == {"Twisted", "click"}
    assert (found.orphans, found.warnings) == ((), [])


def test_nothing_is_included_where_nothing_is_asked_for(own):
    """--no-include: what is given travels, the rest is named."""
    (own / "tr_alone.py").write_text("")
    found = travel.gather({"tr_alone"}, {"app.py": b"import tr_alone\n"}, include=False)
    assert set(found.sources) == {"app.py"}
    assert found.orphans == ("tr_alone",)
    assert "--no-include leaves it out" in found.warnings[0]


def test_machine_code_cannot_travel(own):
    """It is named with what to do."""
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (own / "tr_mixed").mkdir()
    (own / "tr_mixed" / "__init__.py").write_text("")
    (own / "tr_mixed" / f"fast{suffix}").write_bytes(b"\x7fELF")
    found = travel.gather({"tr_mixed"}, {})
    assert (found.sources, found.orphans) == ({}, ("tr_mixed",))
    assert f"fast{suffix} is machine code" in found.warnings[0]
    assert "make a distribution of it" in found.warnings[0]


def test_a_path_of_its_own_is_warned_of(own):
    """__file__ names no file in a tap; the line is named."""
    (own / "tr_paths.py").write_text("import os\n\nHERE = os.path.dirname(__file__)\n")
    (warning,) = travel.gather({"tr_paths"}, {}).warnings
    assert warning.startswith("tr_paths.py:3 uses __file__")
    assert "importlib.resources" in warning


def test_what_tls_and_conch_need_is_named():
    """By the extras of Twisted that the tap's modules belong to, as far as they were imported."""
    import OpenSSL  # noqa: F401 - as an endpoint's parsing does

    names = {name.lower() for name in provenance.of_extras({"twisted.internet.ssl"})}
    assert "pyopenssl" in names
    assert list(provenance.of_extras({"twisted.web.server"})) == []


def test_package_data_and_namespace_packages_come_from_memory():
    """importlib.resources reads both, as from a folder; a folder without __init__.py is a package."""
    sources = {
        "tr_boxed/__init__.py": b"", "tr_boxed/data/words.txt": b"kept", "tr_space/part.py": b"x = 2\n",
    }  # fmt: skip
    importer = CodeImporter(sources)
    importer.install()
    try:
        data = importlib.resources.files("tr_boxed") / "data" / "words.txt"
        assert data.read_text() == "kept"
        with importlib.resources.as_file(data) as path:
            assert path.read_bytes() == b"kept"
        assert importlib.import_module("tr_space.part").x == 2
        assert importlib.util.find_spec("tr_space.nothing") is None
    finally:
        sys.meta_path.remove(importer)
        for name in [name for name in sys.modules if name.startswith(("tr_boxed", "tr_space"))]:
            del sys.modules[name]
