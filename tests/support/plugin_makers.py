"""Makes distributions that are nothing but a module and its entry points, for tests of what they add."""

from __future__ import annotations

from lw3dsim.base.plugins import Plugin

GROUP = "lw3dsim.passes"


def plugin(name, value, distribution="acme 1.0", group=GROUP):
    """A plug-in that loads as ``value``, or raises it."""

    def load():
        if isinstance(value, BaseException):
            raise value
        return value

    return Plugin(group=group, name=name, target=f"acme:{name}", distribution=distribution, load=load)


def installed_as(*plugins):
    """A stand-in for what is installed."""
    groups = {}
    for one in plugins:
        groups.setdefault(one.group, []).append(one)
    return lambda: groups
