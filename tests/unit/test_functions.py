"""Saving functions that no global name leads to: by module, name and a digest of their code."""

import importlib
import io
import json
import os
import pickle
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import function_kinds
import pytest
from twisted.internet import defer

from tapdaemon.core.code import CodeImporter
from tapdaemon.persist.rules import digests, functions
from tapdaemon.persist.rules.functions import NoNameError, OtherFunctionError
from tapdaemon.tapfile.graph import graphs

PROGRAM = function_kinds.__file__
SOURCES = str(Path(functions.__file__).parents[3])
PICKLERS = (pickle.Pickler, pickle._Pickler)
UNPICKLERS = (pickle.Unpickler, pickle._Unpickler)
OTHERS = ("3.11", "3.12", "3.13", "3.14")


def run(interpreter, verb, path):
    """What the functions do, saved or loaded by a process of its own."""
    command = [*interpreter, "-B", "-W", "ignore", PROGRAM, verb, SOURCES, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def interpreter(version):
    """The command of a Python, on the path or where pyenv keeps them; its stand-ins that only fail are none."""
    kept = Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
    for found in (shutil.which(f"python{version}"), *map(str, sorted(kept))):
        if found is not None and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
            return [found]
    return None


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """What each kind does in the process that saved it, and in another that loaded it."""
    path = tmp_path_factory.mktemp("kinds") / "payloads"
    return run([sys.executable], "save", path), run([sys.executable], "load", path)


@pytest.mark.parametrize("kind", function_kinds.KINDS)
def test_each_kind_does_in_another_process_what_it_did(kind, kinds):
    """Written by the pickler in C and the one in Python, read by both."""
    did, does = kinds
    assert does[kind] == [[did[kind]] * 2] * 2


@pytest.mark.parametrize("version", OTHERS)
def test_another_python_loads_what_this_one_saved(version, tmp_path):
    """And the other way round: digests and names are the same under each."""
    other = interpreter(version)
    if other is None:
        pytest.skip(f"NOT TRIED: there is no Python {version} on the path or in ~/.pyenv/versions")
    for saver, loader in (([sys.executable], other), (other, [sys.executable])):
        did, does = run(saver, "save", tmp_path / "payloads"), run(loader, "load", tmp_path / "payloads")
        assert {kind: [[did[kind]] * 2] * 2 for kind in function_kinds.KINDS} == does


def test_a_python_without_columns_tells_the_lambdas_of_a_line_apart(tmp_path):
    """By what each is compiled to; private names, which that does not know, are of lambdas that are alone on a line."""
    did = run([sys.executable, "-X", "no_debug_ranges"], "save", tmp_path / "payloads")
    does = run([sys.executable], "load", tmp_path / "payloads")
    assert {kind: [[did[kind]] * 2] * 2 for kind in function_kinds.KINDS} == does


# ---- a module that is edited

BEFORE = """\
def make(x, y=0):
    def function(a, b=1):
        total = [x, a, b, f"{a!r}"]
        return total
    return function
"""
SAME = {
    "not at all": BEFORE,
    "moved": "import os\n\n\ndef other():\n    return lambda: 1\n\n\n" + BEFORE,
    "commented": BEFORE.replace("        total", "        # the sum\n\n        total").replace("0):", "0):  # twice"),
    "laid out": BEFORE.replace("[x, a, b, ", "[\n    x, a,\n  (b),\n").replace("(a, b=1)", "( a,b = 1 )"),
    "quoted otherwise": BEFORE.replace('f"{a!r}"', "f'''{a!r}'''"),
    "documented": BEFORE.replace("        total", '        """Adds."""\n        total'),
    "annotated": BEFORE.replace("(a, b=1)", "(a: int, b: 'int' = 1) -> list"),
    "decorated": BEFORE.replace("    def", "    @staticmethod\n    def"),
    "with a namesake": BEFORE.replace("    return f", "    kept = function\n    def function(): 0\n    return kept"),
}  # fmt: skip
OTHER = {
    "another body": BEFORE.replace("[x, a", "[x, x"),
    "another text": BEFORE.replace("!r", "!s"),
    "another number": BEFORE.replace("b, f", "b, 1.0, f"),
    "another default": BEFORE.replace("b=1", "b=True"),
    "another argument": BEFORE.replace("(a, b=1)", "(a, *, b=1)"),
    "other variables": BEFORE.replace("def make(x, y=0):", "x = 5\ndef make(y=0):"),
    "a coroutine": BEFORE.replace("def function", "async def function"),
}
GONE = {"renamed": BEFORE.replace("function", "method"), "elsewhere": "def function():\n    return 0\n"}


@pytest.fixture
def imported(tmp_path, monkeypatch):
    """Imports a source as module `edited` anew."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def anew(source):
        (tmp_path / "edited.py").write_text(source)
        sys.modules.pop("edited", None)
        importlib.invalidate_caches()
        return importlib.import_module("edited")

    yield anew
    sys.modules.pop("edited", None)


def dumped(value):
    return function_kinds.saved(value, pickle.Pickler)


def load(payload):
    return pickle.loads(payload)


@pytest.mark.parametrize("edit", SAME)
def test_it_is_loaded_from_an_edited_module_whose_code_is_the_same(edit, imported):
    """Comments, layout, place, docstrings, annotations and decorators are not a function's code."""
    payload = dumped(imported(BEFORE).make(7))
    imported(SAME[edit])
    assert load(payload)(2) == [7, 2, 1, "2"]


@pytest.mark.parametrize("edit", OTHER)
def test_another_function_than_the_saved_one_is_never_loaded(edit, imported):
    """Nor one that closes over other variables; the message says which."""
    payload = dumped(imported(BEFORE).make(7))
    imported(OTHER[edit])
    said = r"^function make.<locals>.function of module edited is not the one that was saved \(its code changed\)$"
    with pytest.raises(OtherFunctionError, match=said):
        load(payload)


@pytest.mark.parametrize("edit", GONE)
def test_a_function_that_is_gone_is_told(edit, imported):
    """By its module and name."""
    payload = dumped(imported(BEFORE).make(7))
    imported(GONE[edit])
    with pytest.raises(OtherFunctionError, match=r"^module edited has no function make.<locals>.function any more$"):
        load(payload)


def test_lambdas_of_a_line_may_change_places(imported):
    """Each is found by its digest, and none in the place of one that is gone."""
    first, second = (dumped(one) for one in imported("def make():\n    return [lambda: 1, lambda: 2]\n").make())
    imported("def make():\n    return [lambda: 2, lambda: 3, lambda: 1]\n")
    assert (load(first)(), load(second)()) == (1, 2)
    imported("def make():\n    return [lambda: 1, lambda: 3]\n")
    assert load(first)() == 1
    with pytest.raises(OtherFunctionError, match="its code changed"):
        load(second)


def test_a_source_that_was_edited_while_it_ran(imported, tmp_path):
    """What only moved in it is saved by what the file says now; what changed is refused."""
    moved, changed = imported(BEFORE).make(7), imported(BEFORE).make(7)
    (tmp_path / "edited.py").write_text(SAME["moved"])
    payload = dumped(moved)
    assert load(payload)(2) == [7, 2, 1, "2"]
    changed = imported(BEFORE).make(7)
    (tmp_path / "edited.py").write_text(OTHER["another body"])
    with pytest.raises(NoNameError, match="is not in the source of edited: it was made or changed since"):
        dumped(changed)


# ---- no source


def test_byte_code_alone_is_no_source(imported, tmp_path):
    """Saving and loading both say so."""
    payload = dumped(imported(BEFORE).make(7))
    py_compile.compile(str(tmp_path / "edited.py"), cfile=str(tmp_path / "edited.pyc"))
    (tmp_path / "edited.py").unlink()
    sys.modules.pop("edited")
    importlib.invalidate_caches()
    with pytest.raises(OtherFunctionError, match="edited has no source here, and function make"):
        load(payload)
    with pytest.raises(NoNameError, match=r"has no source: edited is not .*; define it with def at the top level"):
        dumped(sys.modules["edited"].make(7))


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("__main__", "lives in the program that was started"),
        ("nowhere_to_be_found", "has no name to be saved by"),
        ("function_kinds", "is not in the source of function_kinds"),
    ],
)
def test_what_was_compiled_while_it_ran_is_refused(module, said):
    """Of the started program, of no module, and of a module that says otherwise; with what to do."""
    namespace = {"__name__": module}
    exec("homeless = lambda: 'no file has this'", namespace)
    with pytest.raises(NoNameError, match=rf"a lambda \(<string>:1\) {said}.*; define it with def"):
        dumped(namespace["homeless"])


# ---- whole graphs


@pytest.mark.parametrize("pickler", PICKLERS)
def test_one_variable_has_one_cell_in_the_source_style(pickler):
    """Recursion through a cell can be written as text, and comes back as well."""
    pair, recursive = (function_kinds.KINDS[kind] for kind in ("a pair over one variable", "recursive in its own cell"))
    payload = function_kinds.saved([pair[0](), recursive[0]()], pickler)
    text = graphs.form("source").write(graphs.form("pickle").read(payload))
    counted, again = load(graphs.form("pickle").write(graphs.form("source").read(text)))
    assert pair[1](counted) == [1, 6, 6, True]
    assert recursive[1](again) == [[3, 2, 1], True]


@pytest.mark.parametrize("pickler", PICKLERS)
@pytest.mark.parametrize("unpickler", UNPICKLERS)
def test_a_cell_that_the_memo_has_is_that_cell(pickler, unpickler):
    """A new function over a variable of a base's function shares it, though the base itself is not saved."""
    increase, read = function_kinds.make_pair()
    there_increase, _ = function_kinds.make_pair()
    increase(3)
    buffer = io.BytesIO()
    writer = function_kinds.pickler_over(pickler)(buffer, 5)
    writer.memo = {id(increase.__closure__[0]): (0, increase.__closure__[0])}
    writer.dump(read)
    prologue = pickle.PROTO + b"\x05" + pickle.NONE + pickle.BINPERSID + pickle.MEMOIZE + pickle.STOP
    reader = type("Reader", (unpickler,), {"persistent_load": lambda *_: there_increase.__closure__[0]})(
        io.BytesIO(prologue + buffer.getvalue())
    )
    reader.load()  # the one in C empties its memo when it is given a dictionary
    there_read = reader.load()
    assert there_read() == 0
    there_increase(9)
    assert there_read() == 9


def test_a_function_of_an_installed_library():
    """Twisted's inlineCallbacks makes one, over the generator function that it got."""
    made = defer.inlineCallbacks(function_kinds.make_deferring(2))
    payload = dumped(made)
    results = []
    load(payload)(defer.succeed(4)).addCallback(results.append)
    assert results == [8]


def test_a_function_of_a_module_in_memory(monkeypatch):
    """As a .tac is one; the file it came from is not read."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    CodeImporter({"tac_shop.py": BEFORE.encode()}, {"tac_shop.py": "/nowhere/shop.tac"}).install()
    try:
        payload = dumped(importlib.import_module("tac_shop").make(7))
        del sys.modules["tac_shop"]
        assert load(payload)(2) == [7, 2, 1, "2"]
    finally:
        sys.modules.pop("tac_shop", None)


def test_a_module_is_read_once(monkeypatch):
    """However many of its functions are saved; and another only when one of its own is."""
    digests._READ.clear()
    dumped([function_kinds.make_pair(), function_kinds.make_recursive()])
    assert list(digests._READ) == ["function_kinds"]
    monkeypatch.setattr(digests, "_read", lambda spec: pytest.fail(f"{spec.name} was read again"))
    dumped(function_kinds.make_mutual())


def test_an_expression_that_is_nested_deeply_has_a_digest(imported):
    """Deeper than Python's own calls may be."""
    long = " + ".join(["x"] * 900)
    module = imported(f"make = lambda: lambda x: {long}\n")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 4000))  # for the compiler's own
    try:
        payload = dumped(module.make())
    finally:
        sys.setrecursionlimit(limit)
    assert load(payload)(1) == 900
