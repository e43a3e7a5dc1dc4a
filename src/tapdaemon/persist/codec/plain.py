"""What a class says of saving its objects: whether Python's own way is right for them, or why there is none."""

from __future__ import annotations

import copyreg

from tapdaemon.errors import words
from tapdaemon.persist.rules.references import check_class


def unfit(kind: type) -> str:
    """Why no process could find a class again; empty if it could."""
    try:
        check_class(kind)
    except Exception as error:  # noqa: BLE001 - the reason that is told
        return words_of(error)
    return ""


def answers_for_all(kind: type) -> bool:
    """Whether objects of a class answer for attributes that they do not have."""
    return hasattr(kind, "__getattr__") or not is_objects(kind, "__getattribute__")


def is_plain(kind: type) -> bool:
    """Whether Python saves objects of a class in its own way, asking nothing of the class."""
    return (
        is_objects(kind, "__reduce_ex__")
        and is_objects(kind, "__reduce__")
        and is_objects(kind, "__getstate__")
        and not hasattr(kind, "__getnewargs__")
        and not hasattr(kind, "__getnewargs_ex__")
        and kind not in copyreg.dispatch_table
        and kind.__flags__ & _HEAP != 0
        and kind.__itemsize__ == 0
    )


def is_objects(kind: type, name: str) -> bool:
    """Whether a class has a method as every object has it."""
    return getattr(kind, name, None) is getattr(object, name, None)


_HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement


def words_of(error: BaseException) -> str:
    """The reason that an exception gives, in one line."""
    return str(error) if type(error).__name__ in ("CannotSaveError", "NoNameError") else words(error)
