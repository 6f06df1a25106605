"""Docstrings name functions in Sphinx's roles; a page shows the name."""

from __future__ import annotations

import re

ROLE = re.compile(r":(?:func|class|meth|attr|mod):(?=<code>)")


def on_page_content(html: str, **_: object) -> str:
    """Return the content of a page without roles (a hook of MkDocs)."""
    return ROLE.sub("", html)
