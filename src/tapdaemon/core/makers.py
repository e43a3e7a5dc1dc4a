"""Makers: the IServiceMaker plugins that Twisted finds, and services made with them; it saves nothing.

This is the only place that scans for plugins: a running tap never does.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from twisted.application.service import IServiceMaker
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.plugin import IPlugin
from twisted.python import usage
from zope.interface import provider

from tapdaemon.core.parent import ParentOptions
from tapdaemon.errors import FOREIGN, StartError, UnknownNameError, UsageError, words
from tapdaemon.tapfile.manifest import SETTABLE


class Maker(NamedTuple):
    """A plugin, or what stands in the way of one.

    :param failure: why it cannot be used; empty if it can.
    """

    name: str
    description: str
    plugin: Any = None
    failure: str = ""


def find_makers() -> tuple[Maker, ...]:
    """Every maker, usable or not, in order of name; the first plugin of a name wins, as with twistd."""
    import twisted.plugins
    from twisted.plugin import getPlugins

    failures: list[Any] = []

    @provider(ILogObserver)
    def collect(event: LogEvent) -> None:
        failure = event.get("log_failure") or event.get("failure")  # the latter from twisted.python.log.err
        if failure is not None:
            failures.append(failure)

    found: dict[str, Maker] = {}
    globalLogPublisher.addObserver(collect)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the makers' imports warn of is not about the tap
            for plugin in getPlugins(IServiceMaker):
                found.setdefault(str(plugin.tapname), _examine(plugin))
    finally:
        globalLogPublisher.removeObserver(collect)
    folders = [os.path.abspath(folder) for folder in twisted.plugins.__path__]
    broken = {_broken_plugin(failure, folders) for failure in failures}
    return (
        *sorted(found.values(), key=lambda maker: maker.name),
        *sorted(broken, key=lambda maker: maker.name),
    )


def find_maker(name: str) -> Maker:
    """The maker of that name; no other's module is imported, for in a sandbox some of them may not be.

    One whose plugin travels in the tap comes before those that are installed.

    :raises UnknownNameError: there is none.
    :raises UsageError: it is there but failed to import.
    """
    import twisted.plugins  # noqa: F401 - where getPlugins looks
    from twisted.plugin import getPlugins

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for plugin in (*_travelling(), *getPlugins(IServiceMaker)):
            if str(plugin.tapname) == name:
                return choose((_examine(plugin),), name)
    return choose(find_makers(), name)  # which tells what there is


def placed(name: str, place: str) -> Maker:
    """The maker of that name at the place where it was found before; elsewhere if it is not there any more.

    :param place: ``module:attribute``, or empty.
    :raises UnknownNameError, UsageError: as `find_maker`.
    """
    module, _, attribute = place.partition(":")
    if module and attribute:
        try:
            plugin = getattr(importlib.import_module(module), attribute)
            if str(plugin.tapname) == name:
                return choose((_examine(plugin),), name)
        except (ImportError, AttributeError):
            return find_maker(name)
    return find_maker(name)


def _travelling() -> Iterator[Any]:
    """The makers of plugins that tapdaemon.core.code imports from a tap."""
    from tapdaemon.core.code import own_plugins

    for name in own_plugins():
        for value in vars(importlib.import_module(name)).values():
            if IServiceMaker.providedBy(value) and IPlugin.providedBy(value):
                yield value


def _examine(plugin: Any) -> Maker:
    """Import what the plugin stands for: ServiceMaker does it on first use only, and that is when it fails."""
    name, description = str(plugin.tapname), str(plugin.description or "")
    try:
        plugin.options  # noqa: B018 - a property that imports
        plugin.makeService  # noqa: B018 - the same
    except FOREIGN as error:
        return Maker(name, description, failure=words(error))
    return Maker(name, description, plugin)


def _broken_plugin(failure: Any, folders: Iterable[str]) -> Maker:
    """The plugin file that a failed import came from: the first frame in one of the plugin folders."""
    names = [frame[1] for frame in failure.frames]
    if isinstance(failure.value, SyntaxError) and failure.value.filename:
        names.append(failure.value.filename)
    for name in names:
        if os.path.dirname(os.path.abspath(name)) in set(folders):
            return Maker(os.path.basename(name), "", failure=words(failure.value))
    return Maker("a plugin", "", failure=words(failure.value))


def choose(makers: Sequence[Maker], name: str) -> Maker:
    """The usable maker of that name.

    :raises UnknownNameError: there is none.
    :raises UsageError: it is there but failed to import.
    """
    for maker in makers:
        if maker.name == name:
            if maker.failure:
                raise UsageError(f"maker {name}", f"failed to import: {maker.failure}", "install what it needs")
            return maker
    raise UnknownNameError("maker", name, [maker.name for maker in makers if not maker.failure])


def twistd_options(subcommand: str) -> Any:
    """The options that a maker finds as its parent's, with twistd's names and defaults."""
    return ParentOptions(subcommand)


def parse_options(maker: Maker, arguments: Sequence[str]) -> Any:
    """The maker's own options, parsed from its arguments.

    :raises UsageError: with the maker's own words.
    """
    options = maker.plugin.options()
    options.parent = twistd_options(maker.name)
    options.parent.subOptions = options
    try:
        options.parseOptions(list(arguments))
    except usage.UsageError as error:
        raise UsageError(f"maker {maker.name}", str(error), f"see mktap {maker.name} --help") from error
    except SystemExit as error:
        raise _ended(maker, error) from error
    except Exception as error:
        remedy = "the fault is the maker's: try other options, or report it to its authors"
        raise StartError(f"maker {maker.name}", f"parsing its options failed with {words(error)}", remedy) from error
    return options


def settings(options: Any) -> dict[str, str]:
    """What a maker has set among twistd's own options, its parent's: carbon a umask, say.

    :param options: the maker's, after its service was made.
    """
    parent, fresh = options.parent, twistd_options("")
    changed = {name: parent[name] for name in SETTABLE if parent[name] != fresh[name]}
    words: Mapping[str, Callable[[Any], str]] = {"umask": "{:03o}".format, "nodaemon": lambda value: str(bool(value))}
    return {name: words.get(name, str)(value) for name, value in changed.items()}


def modules(maker: Maker) -> set[str]:
    """The modules that following a recipe with this maker imports, beside those of the plugin itself."""
    found = (getattr(part, "__module__", None) for part in (maker.plugin.options, maker.plugin.makeService))
    return {name for name in found if isinstance(name, str)}


def plugin_place(maker: Maker) -> str:
    """Where a maker's plugin stands, ``module:attribute``; empty if no module of plugins has it by a name."""
    from tapdaemon.core.code import PLUGINS

    for name, module in list(sys.modules.items()):
        if name.startswith(("twisted.plugins.", f"{PLUGINS}.")):
            for attribute, value in list(vars(module).items()):
                if value is maker.plugin:
                    return f"{name}:{attribute}"
    return ""


def plugin_file(maker: Maker) -> str | None:
    """The file below twisted/plugins that a maker comes from."""
    name = plugin_place(maker).partition(":")[0]
    path = getattr(sys.modules.get(name), "__file__", None)
    return path if name.startswith("twisted.plugins.") and isinstance(path, str) and path.endswith(".py") else None


def make_service(maker: Maker, options: Any) -> Any:
    """The maker's service.

    :raises UsageError: the maker refuses its options.
    :raises StartError: it fails in any other way.
    """
    try:
        return maker.plugin.makeService(options)
    except (usage.UsageError, ValueError) as error:
        raise UsageError(f"maker {maker.name}", str(error), f"see mktap {maker.name} --help") from error
    except SystemExit as error:
        raise _ended(maker, error) from error
    except Exception as error:
        raise StartError(f"maker {maker.name}", f"failed with {words(error)}") from error


def _ended(maker: Maker, end: SystemExit) -> BaseException:
    """A maker that ends the program has failed, unless it did what it was asked for: --version, say."""
    if not end.code:
        return end
    return StartError(f"maker {maker.name}", f"ended with {end.code!r}", "what it said before tells why")


def maker_help(maker: Maker) -> str:
    """The maker's own help text."""
    options = maker.plugin.options()
    options.parent = None
    options.progName = f"mktap {maker.name}"
    synopsis = getattr(options, "synopsis", "") or f"Usage: mktap [options] {maker.name} [maker options]"
    options.synopsis = synopsis if "mktap" in synopsis else f"Usage: mktap [options] {maker.name} [maker options]"
    return str(options)
