"""What other distributions add to lw3dsim, by entry points: names in families.

A family is everything of one kind that has a name: passes, DRAM presets, engines, workload files. Some are built in;
an installed distribution adds others by entry points in the family's group. Installed distributions are looked
through, once, when a name is asked for that is not built in; a plug-in is imported when it is asked for by its name.
So it costs nothing, and harms nothing, where it is not used. A built-in name can't be taken.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from lw3dsim.errors import InputError, PluginError, one_line, raised, short, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from importlib.metadata import Distribution

Value = TypeVar("Value")

# Names go into texts such as `fsb:alpha=0.5,trg`, command lines and keys of files.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

# Every group of entry points begins so.
PREFIX = "lw3dsim."


class Plugin(NamedTuple):
    """An entry point as it is installed: ``name = target`` in ``group``, of a ``distribution`` and its version."""

    group: str
    name: str
    target: str
    distribution: str
    load: Callable[[], object]

    def __str__(self) -> str:
        return one_line(f"{self.distribution} (entry point {self.name} = {self.target})", 200)


class Tried(NamedTuple, Generic[Value]):
    """A plug-in after it was loaded: what it stands for, or the ``problem`` for which it can't be used."""

    plugin: Plugin
    value: Value | None
    problem: str


class Family(Collection[str], Generic[Value]):
    """The names of one kind of thing, built in and of plug-ins, and what each stands for.

    ``group`` is that of its entry points, ``what`` the word for one of it in messages. ``read`` turns the name and
    the object of an entry point into a value of the family; it raises InputError, in half a sentence, for what is none.
    """

    def __init__(
        self, group: str, what: str, builtin: Mapping[str, Value], read: Callable[[str, object], Value]
    ) -> None:
        self.group, self.what, self.builtin = group, what, builtin
        self._read = read
        self._tried: dict[str, Tried[Value]] = {}

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or name in self._others()

    def __iter__(self) -> Iterator[str]:
        yield from self.builtin
        yield from self._others()

    def __len__(self) -> int:
        return len(self.builtin) + len(self._others())

    def get(self, name: str) -> Value:
        """Return what ``name`` stands for. Raises InputError for an unknown name, and for a plug-in that is broken."""
        if name in self.builtin:
            return self.builtin[name]
        claims = self._others().get(name, [])
        if not claims:
            raise InputError(f"{unknown(self.what, name, self)}; or is a plug-in missing?")
        if len(claims) > 1:
            owners = " and ".join(map(str, claims))
            raise InputError(f"{self.what} {short(name)} is claimed by {owners}; uninstall all but one of them")
        plugin, value, problem = self._try(name)
        if value is None:
            raise InputError(f"{self._of(plugin)} can't be used, mend it or uninstall it: {problem}")
        return value

    @contextmanager
    def blamed(self, name: str, value: object) -> Iterator[None]:
        """Say of whatever fails in here whose fault it is, where ``value`` is what a plug-in gave ``name``.

        Raises PluginError then, with what was raised as its cause; an InputError is a sentence already. What is
        built in, or was registered by no one, fails as it does.
        """
        try:
            yield
        except (Exception, SystemExit) as error:
            plugin = None
            if name not in self.builtin and name in self._others():
                tried = self._try(name)
                plugin = tried.plugin if tried.value is value else None
            if plugin is None or (isinstance(error, InputError) and not isinstance(error, PluginError)):
                raise
            fault = error.fault if isinstance(error, PluginError) else raised(error)
            raise PluginError(self._of(plugin), fault) from error

    def _of(self, plugin: Plugin) -> str:
        return f"{self.what} {short(plugin.name)} of {plugin}"

    def plugins(self) -> list[Tried[Value]]:
        """Return all plug-ins of the family in the order of their names, each loaded, the broken ones too."""
        found = []
        for plugin in sorted(installed().get(self.group, ()), key=lambda one: (one.name, one.distribution)):
            if plugin.name in self.builtin:
                found.append(Tried[Value](plugin, None, "the name is that of a built-in one; choose another"))
            else:
                found.append(self._try(plugin.name)._replace(plugin=plugin))
        return found

    def usable(self) -> list[str]:
        """Return all names but those of plug-ins that are broken, each of which is loaded for that."""
        return [*self.builtin, *(tried.plugin.name for tried in self.plugins() if not tried.problem)]

    def _others(self) -> dict[str, list[Plugin]]:
        """Return the plug-ins by name, but for those whose name is built in."""
        names: dict[str, list[Plugin]] = {}
        for plugin in sorted(installed().get(self.group, ()), key=lambda one: one.name):
            if plugin.name not in self.builtin:
                names.setdefault(plugin.name, []).append(plugin)
        return names

    def _try(self, name: str) -> Tried[Value]:
        """Load the plug-in ``name`` when it is first asked for, and keep what came of it."""
        if name not in self._tried:
            self._tried[name] = self._loaded(self._others()[name])
        return self._tried[name]

    def _loaded(self, plugins: Sequence[Plugin]) -> Tried[Value]:
        plugin, *others = plugins
        if others:
            owners = " and ".join(one.distribution for one in plugins)
            return Tried(plugin, None, f"{owners} both have that name")
        if not NAME.fullmatch(plugin.name):
            return Tried(plugin, None, "a name is made of letters, digits and . _ -")
        try:
            return Tried(plugin, self._read(plugin.name, plugin.load()), "")
        except InputError as error:
            return Tried(plugin, None, str(error))
        except (Exception, SystemExit) as error:  # whatever the code of others does when it is imported
            return Tried(plugin, None, raised(error))


@cache
def installed() -> dict[str, list[Plugin]]:
    """Return the entry points of all installed distributions by group, for the groups of this package."""
    from importlib.metadata import distributions

    groups: dict[str, list[Plugin]] = {}
    seen = set[str]()
    for distribution in distributions():
        plugins = _plugins_of(distribution)
        if plugins and plugins[0].distribution.partition(" ")[0] not in seen:
            # The same distribution may be found twice; the first is the one that is imported.
            seen.add(plugins[0].distribution.partition(" ")[0])
            for plugin in plugins:
                groups.setdefault(plugin.group, []).append(plugin)
    return groups


def _plugins_of(distribution: Distribution) -> list[Plugin]:
    try:
        entries = [entry for entry in distribution.entry_points if entry.group.startswith(PREFIX)]
        label = f"{distribution.metadata['Name']} {distribution.version}" if entries else ""
    except Exception:  # damaged metadata, of whatever distribution: it has registered nothing
        return []
    return [
        Plugin(group=entry.group, name=entry.name, target=entry.value, distribution=label, load=entry.load)
        for entry in entries
    ]
