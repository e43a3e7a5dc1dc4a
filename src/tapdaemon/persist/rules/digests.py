"""The functions in a module's source, and a digest of each that is the same under every Python.

The law: two functions of one digest have the same code and close over the same variables.  The digest is of the syntax
tree, so comments, layout and the place in the file do not change it.  What is evaluated around a function and not in
it is no part of it: decorators, its own annotations, docstrings.  Its default expressions are a part.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import sys
import types
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from operator import itemgetter
from typing import Any

_Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Position = tuple[int, int]

_FOLLOWS = frozenset({"ctx", "type_comment"})
"""Fields that follow from others, or that no code comes from."""
_COMPREHENSION = re.compile(r"<(?:list|dict|set)comp>\.(?:<locals>\.)?")
_FLAGS = 0xFFFF
"""The flags of a code object, without those of imports from __future__."""
_LENGTH = 16


class ModuleFunctions:
    """The code objects of a module's functions, by qualified name, each with its part of the syntax tree."""

    def __init__(self, code: types.CodeType, tree: ast.Module) -> None:
        self._codes: defaultdict[str, list[types.CodeType]] = defaultdict(list)
        for found in _nested(code):
            if found.co_flags & inspect.CO_NEWLOCALS:
                self._codes[plain_name(found)].append(found)
        self._nodes: defaultdict[tuple[str, int], list[_Node]] = defaultdict(list)
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._nodes[node.name, min(one.lineno for one in (node, *node.decorator_list))].append(node)
            elif isinstance(node, ast.Lambda):
                self._nodes["<lambda>", node.lineno].append(node)
        self._digests: dict[int, str | None] = {}

    def named(self, qualname: str) -> list[types.CodeType]:
        """Every function of that qualified name, as `plain_name` gives it; in the order of the source."""
        return self._codes.get(qualname, [])

    def same(self, code: types.CodeType) -> types.CodeType | None:
        """The function here that does what a running one does; it may have moved since the running one was imported."""
        namesakes = self.named(plain_name(code))
        if code in namesakes:
            return namesakes[namesakes.index(code)]
        wanted = _without_place(code)
        return next((one for one in namesakes if _without_place(one) == wanted), None)

    def digest(self, code: types.CodeType) -> str | None:
        """The digest of a function that is here; None where it cannot be told from others on its line."""
        if id(code) not in self._digests:
            node = _node(code, self._nodes.get((code.co_name, code.co_firstlineno), []))
            self._digests[id(code)] = None if node is None else digest(node, code.co_freevars)
        return self._digests[id(code)]


_READ: dict[str, tuple[ModuleSpec, ModuleFunctions | None]] = {}


def functions_of(module: str) -> ModuleFunctions | None:
    """The functions of an imported module; None without a source.  Each import of a module is read once."""
    spec = getattr(sys.modules.get(module), "__spec__", None)
    if spec is None:
        return None
    known = _READ.get(module)
    if known is None or known[0] is not spec:
        known = _READ[module] = spec, _read(spec)
    return known[1]


def _read(spec: ModuleSpec) -> ModuleFunctions | None:
    get_code, get_source = (getattr(spec.loader, name, None) for name in ("get_code", "get_source"))
    if get_code is None or get_source is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the import has told them
            code, source = get_code(spec.name), get_source(spec.name)
            tree = None if source is None else ast.parse(source)
    except (ImportError, OSError, SyntaxError, ValueError):  # it was there once, and is gone or cut by now
        return None
    return None if code is None or tree is None else ModuleFunctions(code, tree)


def plain_name(code: types.CodeType) -> str:
    """The qualified name of a code object; since Python 3.12 most comprehensions are no functions and so not in it."""
    return _COMPREHENSION.sub("", code.co_qualname)


def digest(node: _Node, closes_over: tuple[str, ...]) -> str:
    """Of a function's part of the syntax tree and the names of the variables that it closes over."""
    made = hashlib.sha256()
    for text in _said([type(node).__name__, _arguments(node.args), _body(node), list(closes_over)]):
        made.update(text.encode())
    return made.hexdigest()[:_LENGTH]


def _arguments(own: ast.arguments) -> list[Any]:
    """A function's arguments without their annotations."""
    kinds = (own.posonlyargs, own.args, own.kwonlyargs, [own.vararg], [own.kwarg])
    names = [[one.arg for one in kind if one is not None] for kind in kinds]
    return [*names, own.defaults, own.kw_defaults]


class _Mark(str):
    """A part of the normal form itself, not a text of the source."""

    __slots__ = ()


def _said(tree: list[Any]) -> Iterator[str]:
    """The normal form of a tree, piece by piece; it is the same for every Python that can parse the source.

    It keeps a stack of its own, for an expression may be nested deeper than calls can be.
    """
    stack: list[Any] = [tree]
    while stack:
        part = stack.pop()
        if isinstance(part, _Mark):
            yield part
        elif isinstance(part, ast.AST):
            yield f"{type(part).__name__}("
            stack.append(_Mark(")"))
            for name, value in sorted(_fields(part), reverse=True, key=itemgetter(0)):
                stack += (value, _Mark(f"{name}="))
        elif isinstance(part, list):
            yield "["
            stack.append(_Mark("]"))
            stack.extend(reversed(part))
        elif type(part) is int:
            yield f"{part:#x},"  # in decimals its length would be limited
        else:
            yield f"{type(part).__name__}:{part!a},"  # which characters can be printed differs between Pythons


def _fields(node: ast.AST) -> list[tuple[str, Any]]:
    """The fields of a node that say something; those that say nothing some Pythons lack."""
    if isinstance(node, ast.Constant):
        return [("value", node.value)]
    if isinstance(node, ast.JoinedStr):
        return [("values", _joined(node.values))]
    fields = dict(ast.iter_fields(node))
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        fields["body"] = _body(node)
    return [
        (name, value) for name, value in fields.items() if name not in _FOLLOWS and value is not None and value != []
    ]


def _joined(values: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string; Pythons differ in where they cut the text between two expressions."""
    parts: list[ast.expr] = []
    for value in values:
        before = parts[-1] if parts else None
        if isinstance(value, ast.Constant) and isinstance(before, ast.Constant):
            parts[-1] = ast.Constant(f"{before.value!s}{value.value!s}")
        elif not isinstance(value, ast.Constant) or value.value != "":
            parts.append(value)
    return parts


def _body(node: _Node | ast.ClassDef) -> Any:
    """What runs: without the docstring."""
    body = node.body
    return body[1:] if isinstance(body, list) and ast.get_docstring(node, clean=False) is not None else body  # type: ignore[arg-type]  # a lambda's is no list


def _node(code: types.CodeType, nodes: list[_Node]) -> _Node | None:
    """Which of the functions that start on one line, all lambdas if there are several, is a code object's."""
    if len(nodes) <= 1:
        return nodes[0] if nodes else None
    lambdas = [node for node in nodes if isinstance(node, ast.Lambda)]
    spots = list(_spots(code))
    if spots:
        around = [node for node in lambdas if all(_within(spot, node.body) for spot in spots)]
        return min(around, key=lambda node: _size(node.body), default=None)
    # A constant's lambda under Python 3.12, or a Python without columns (-X no_debug_ranges).
    return next((node for node in lambdas if _alone(node, code.co_freevars) == _without_names(code)), None)


def _spots(code: types.CodeType) -> Iterator[tuple[_Position, _Position]]:
    """From where to where in the source each instruction comes; without those that come from no expression."""
    for line, last_line, column, last_column in code.co_positions():
        if line is not None and last_line is not None and column is not None and last_column is not None:
            start, end = (line, column), (last_line, last_column)
            if start < end:
                yield start, end


def _within(spot: tuple[_Position, _Position], node: ast.expr) -> bool:
    start, end = _span(node)
    return start <= spot[0] and spot[1] <= end


def _span(node: ast.expr) -> tuple[_Position, _Position]:
    return (node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)


def _size(node: ast.expr) -> tuple[int, int]:
    (line, column), (last_line, last_column) = _span(node)
    return last_line - line, last_column - column


def _alone(node: ast.Lambda, closes_over: tuple[str, ...]) -> types.CodeType:
    """What a lambda is compiled to inside another one, whose arguments it closes over."""
    own = node.args
    arguments = ast.arguments(
        own.posonlyargs, own.args, own.vararg, own.kwonlyargs, [None] * len(own.kwonlyargs), own.kwarg, []
    )
    inner = ast.copy_location(ast.Lambda(arguments, node.body), node)
    outer = ast.Lambda(ast.arguments([], [ast.arg(name) for name in closes_over], None, [], [], None, []), inner)
    tree = ast.fix_missing_locations(ast.Expression(outer))
    _, found, *_ = _nested(compile(tree, "", "eval", dont_inherit=True))
    return _without_names(found)


def _without_place(code: types.CodeType) -> types.CodeType:
    """A code object as it would be anywhere in its file."""
    return _replaced(code, _without_place)


def _without_names(code: types.CodeType) -> types.CodeType:
    """A code object as it would be in any function of any file."""
    flags = code.co_flags & _FLAGS & ~inspect.CO_NESTED
    return _replaced(code, _without_names, co_qualname="", co_flags=flags)


def _replaced(
    code: types.CodeType, inner: Callable[[types.CodeType], types.CodeType], **changed: Any
) -> types.CodeType:
    constants = tuple(inner(one) if isinstance(one, types.CodeType) else one for one in code.co_consts)
    return code.replace(co_consts=constants, co_firstlineno=1, co_linetable=b"", co_filename="", **changed)


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _nested(constant)
