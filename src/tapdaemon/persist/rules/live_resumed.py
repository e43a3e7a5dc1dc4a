"""What is done to objects of Twisted's that came from a change set, before services start: counts and timers anew."""

from __future__ import annotations

from typing import Any


def semaphore(semaphore: Any) -> None:
    """Who held a token is gone."""
    semaphore.tokens = semaphore.limit


def process_monitor(monitor: Any) -> None:
    """Every process starts with the shortest delay."""
    monitor.delay = dict.fromkeys(monitor._processes, monitor.minRestartDelay)  # noqa: SLF001 - in live_table


def zip_archive(archive: Any) -> None:
    """It reads its file again."""
    from zipfile import ZipFile

    archive.zipfile = ZipFile(archive.path)


def session(session: Any) -> None:
    """It expires its whole time after the start."""
    if session.site.sessions.get(session.uid) is session:
        session.startCheckingExpiration()


def dns_cache(cache: Any) -> None:
    """Entries that expired meanwhile go; the others expire when they would have."""
    entries, cache.cache = cache.cache, {}
    now = cache._reactor.seconds()  # noqa: SLF001 - in live_table
    for query, (when, payload) in entries.items():
        lifetime = min((record.ttl for part in payload for record in part), default=0)
        if when + lifetime > now:
            cache.cacheResult(query, payload, when)


def context_tracker(tracker: Any) -> None:
    """What a thread has, a new one has not."""
    from threading import local

    tracker.storage = local()


def sip_registry(registry: Any) -> None:
    """A registration holds for its whole time after the start; its timer was left out."""
    from twisted.internet import reactor

    later: Any = reactor
    for name, (_, url) in list(registry.users.items()):
        registry.users[name] = (later.callLater(3600, registry._expireRegistration, name), url)  # noqa: SLF001 - in live_table
