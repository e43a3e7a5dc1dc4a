"""The changes of an application as plain rows: what a change set holds, what diff prints and edit edits."""

# No annotations from __future__: a named tuple compiles each that is text, and a start would pay for it.

from typing import Any, NamedTuple

ABSENT: Any = object()
"""The value of an attribute or key that is not there."""


class Row(NamedTuple):
    """What changed in one facet of one object of the base.

    :param place: the object's number in the table of places.
    :param facet: of `kinds.FACETS`; or ``versioned``: then `given` are the versions of its classes and all attributes;
        or ``state``: what its class's own __getstate__ gave.
    :param given: attributes, items: what is set, by name or key.  elements, members: all that it holds now.  content:
        an equal object.
    :param gone: attributes, items: the names or keys that are taken away.  elements, members: all that the base had.
    :param order: of a dict's keys, where putting in what is given would give another one.
    """

    place: int
    facet: str
    given: Any
    gone: Any = ()
    order: Any = None
