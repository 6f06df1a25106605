"""Is every name of a library that the package uses there, in the versions that are installed?

Libraries gain and lose names between the oldest and the newest version that pyproject.toml allows; most are used in
few places, which a run may not come to.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from types import ModuleType

import pytest
from test_structure import FOLDERS, tree_of

# What no test environment has to have.
OPTIONAL = {"av", "sklearn", "torch"}


def is_for_types(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def nodes_that_run(tree):
    """Walk a tree, without what stands there for types alone."""
    left = [tree]
    while left:
        node = left.pop()
        yield node
        left += [child for child in ast.iter_child_nodes(node) if not is_for_types(child)]


def is_library(module):
    return module.partition(".")[0] not in {*sys.stdlib_module_names, "lw3dsim"}


def names_of_libraries(tree):
    """Return the dotted names of modules of libraries that a source imports, and what it takes of them."""
    local, named, nodes = {}, set(), list(nodes_that_run(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in filter(lambda alias: is_library(alias.name), node.names):
                local[alias.asname or alias.name.partition(".")[0]] = alias.name if alias.asname else None
                named.add(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module and is_library(node.module):
            named |= {f"{node.module}.{alias.name}" for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.Attribute) and (dotted := dotted_name(node)):
            first, _, rest = dotted.partition(".")
            if first in local:
                named.add(f"{local[first] or first}.{rest}")
    return named


def dotted_name(node):
    """Return ``a.b.c`` where a node is that, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted_name(node.value)):
        return f"{before}.{node.attr}"
    return ""


def is_there(dotted):
    """Return whether each part of a dotted name is there, as far as modules go and one name further."""
    found = importlib.import_module(dotted.partition(".")[0])
    path = found.__name__
    for part in dotted.split(".")[1:]:
        if not isinstance(found, ModuleType):
            break
        path = f"{path}.{part}"
        if not hasattr(found, part):
            try:
                importlib.import_module(path)
            except ModuleNotFoundError:
                return False
        found = getattr(found, part)
    return True


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_name_of_a_library_is_there(folder):
    for path in folder.glob("*.py"):
        for dotted in sorted(names_of_libraries(tree_of(path))):
            library = dotted.partition(".")[0]
            if library not in OPTIONAL or importlib.util.find_spec(library):
                assert is_there(dotted), (path, dotted)


def test_a_name_that_is_missing_is_missed():
    code = "import numpy as np\nimport os\nfrom click import no_such_command\nx = np.linalg.no_such_norm(np.zeros(3))\n"
    names = names_of_libraries(ast.parse(code))
    assert {name for name in names if not is_there(name)} == {"click.no_such_command", "numpy.linalg.no_such_norm"}
