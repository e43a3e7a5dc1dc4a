"""What the unit tests save and load: one object, as a graph's payload holds it."""

from __future__ import annotations

from tapdaemon.persist.codec import pickling, unpickling


def payload(value) -> bytes:
    """The pickle of a value, of which nothing may be left out but what belongs to the process."""
    dumped = pickling.dump([value])
    assert not dumped.failed, dumped.failed
    assert not [one for one in dumped.left if not one.is_live], dumped.left
    return dumped.payload


def loaded(data: bytes):
    """What a payload holds; a name that leads nowhere is an error."""

    def lost(module, name, error):
        raise error

    (found,) = unpickling.load(data, lost)
    return found


def again(value):
    """The value as a fresh load has it."""
    return loaded(payload(value))
