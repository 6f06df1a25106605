"""Plain integer functions translated to machine code by Numba, and kept on this machine.

The functions stay what CPython runs; a :class:`Translation` holds clones of them.
Numba is imported, and a translation loaded or made, at its first use. Translations
are kept in the user's cache folder under a digest of their sources, of Numba and of
Python, so a changed source is never run in its old form, and a copy of the package
elsewhere on this machine finds what another has made. What is kept is code that
runs with the rights of its user: it is loaded from a folder that nobody else owns or
may write, and made anew otherwise.

Insides of Numba that this module uses are listed in ``tests/base/test_insides.py``.
"""

from __future__ import annotations

import dis
import hashlib
import os
import re
import stat
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from lw3dsim.errors import InputError, one_line, short
from lw3dsim.parts import occupy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

Function = TypeVar("Function", bound="Callable[..., Any]")

# Steps, runs or tilings that take CPython as long as loading a translation, or making one, takes.
PAYS_FOR_LOADING = 200_000
PAYS_FOR_COMPILING = 1_000_000

# What files here are called until they are whole, by Numba and by us.
HALF_WRITTEN = re.compile(r".+\.(nb[ic]|py)\.tmp\.[0-9a-f]+")

# What has been interpreted so far by all translations together, one number.
_interpreted = [0]


# Who shows what is prepared, the last of them.
_listeners: list[Callable[[str], None]] = []


@contextmanager
def announced_to(listener: Callable[[str], None]) -> Iterator[None]:
    """Have ``listener`` told what is loaded or compiled; else a line on standard error says what is compiled."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def _announce(text: str) -> None:
    if _listeners:
        _listeners[-1](text)
    elif text.startswith("compiling"):
        print(text, file=sys.stderr, flush=True)  # noqa: T201


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a function was declared to be: an ``entry`` of a translation, copied into callers, or refused there."""

    entry: Translation | None = None
    is_inlined: bool = False
    is_refused: bool = False


def declare(function: Function, declared: Declared) -> Function:
    """Declare ``function``, which stays what it is."""
    function.__dict__["kernel"] = declared
    return function


class Translation:
    """Functions declared to be its entries, and what they call, in machine code; ``name`` says to the user which."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._made: dict[Callable[..., Any], Any] = {}

    @property
    def is_loaded(self) -> bool:
        """Whether calls in this process go to the translation; each function is loaded, or made, at its first."""
        return "_njit" in self.__dict__

    def load(self) -> None:
        """Have calls in this process go to the translation from now on."""
        _ = self._njit

    @property
    def is_cached(self) -> bool:
        """Whether a translation of today's sources that may be loaded is on this machine."""
        return not _reason_to_distrust(self._folder) and any(self._folder.rglob("*.nbc"))

    def is_worthwhile(self, work: int) -> bool:
        """Return whether to translate for ``work`` more units, given what has been interpreted so far."""
        if self.is_loaded:
            return True
        _interpreted[0] += work
        return _interpreted[0] > PAYS_FOR_LOADING and (self.is_cached or _interpreted[0] > PAYS_FOR_COMPILING)

    def of(self, entry: Function) -> Function:
        """Return the translation of ``entry``, which is loaded or made when it is first called."""
        if entry not in self._made:
            self.load()
            import numba

            config: Any = numba.config
            folder, config.CACHE_DIR = config.CACHE_DIR, str(self._folder)
            try:
                self._translate(entry)
            finally:
                config.CACHE_DIR = folder
        return cast("Function", self._made[entry])

    def _translate(self, function: Callable[..., Any]) -> Any:
        """Return the translation of a kernel, made after those that it calls."""
        if function in self._made:
            return self._made[function]
        declared: Declared = function.__dict__["kernel"]
        if declared.is_refused:
            self._made[function] = self._njit(_refuse)
            return self._made[function]
        module = sys.modules[function.__module__]
        # Constants are a module's own: two may give one name to different values.
        names = {name: value for name, value in vars(module).items() if _is_constant(value)}
        names |= {name: self._translate(called) for name, called in _called(function, module).items()}
        code = function.__code__
        source = _kept_source(self._folder, module) if self._is_kept else None
        clone = FunctionType(code.replace(co_filename=str(source)) if source else code, names, function.__name__)
        clone.__module__ = module.__name__
        # Nothing is allocated, so no references need counting: 15 times faster. Wrappers for callers
        # outside take most of the time to compile where arguments are many.
        made = self._njit(
            cache=self._is_kept,
            error_model="numpy",
            forceinline=declared.is_inlined,
            no_cpython_wrapper=declared.entry is None,
            no_cfunc_wrapper=True,
            _nrt=False,
        )(clone)
        if self._is_kept:
            _forgive_files(made)
        names[function.__name__] = self._made[function] = _for_all_values(made)
        return made

    @cached_property
    def _njit(self) -> Any:
        """Numba's decorator; the user is told what is loaded or compiled."""
        # Compiles in two thirds of the time, to code that is as fast here.
        os.environ.setdefault("NUMBA_OPT", "1")
        if reason := _reason_to_distrust(self._folder):
            _announce(f"compiling {self.name} for this process alone: {reason}")
        else:
            _announce(f"loading {self.name}" if self.is_cached else f"compiling {self.name}, once for this machine ...")
        import numba

        if self._is_kept:
            occupy(self._folder, HALF_WRITTEN)
        return numba.njit

    @cached_property
    def _is_kept(self) -> bool:
        return not _reason_to_distrust(self._folder) and _is_writable(self._folder)

    @cached_property
    def _folder(self) -> Path:
        makers = "".join((sys.implementation.cache_tag or "", version("numba"), version("llvmlite")))
        digest = hashlib.sha256(_sources() + makers.encode()).hexdigest()[:16]
        return cache_folder() / f"{self.name.rsplit(' ', 1)[-1]}-{digest}"


def _called(function: Callable[..., Any], module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Return the functions that a kernel names, but itself; raise TypeError for one that is no kernel."""
    called: dict[str, Callable[..., Any]] = {}
    named = (each.argval for each in dis.get_instructions(function) if each.opname == "LOAD_GLOBAL")
    for name in dict.fromkeys(named):
        value = vars(module).get(name)
        if not isinstance(value, FunctionType) or value is function:
            continue
        if "kernel" not in value.__dict__:
            raise TypeError(f"{module.__name__}.{function.__name__} calls {name}, which is no kernel")
        called[name] = value
    return called


@cache
def _sources() -> bytes:
    """Return the text of all modules that declare kernels, and of those that translate them."""
    package = Path(__file__).resolve().parent.parent
    texts = (path.read_bytes() for path in sorted(package.rglob("*.py")))
    return b"".join(text for text in texts if b"@kernel" in text or b"class Translation" in text)


@cache
def cache_folder() -> Path:
    """Return where this package keeps what it need not make again: LW3DSIM_CACHE_DIR, or the user's cache folder.

    A relative XDG_CACHE_HOME is ignored, as its standard says; raises InputError for a relative LW3DSIM_CACHE_DIR.
    """
    if own := os.environ.get("LW3DSIM_CACHE_DIR"):
        if not Path(own).is_absolute():
            raise InputError(f"LW3DSIM_CACHE_DIR = {short(own)}: is not an absolute path; give one, or unset it")
        return Path(own) / "lw3dsim"
    users = os.environ.get("XDG_CACHE_HOME", "")
    if Path(users).is_absolute():
        return Path(users) / "lw3dsim"
    try:
        return Path("~/.cache").expanduser() / "lw3dsim"
    except RuntimeError:  # a user without a home
        return Path(tempfile.gettempdir()) / f"lw3dsim-{os.geteuid()}"


def _reason_to_distrust(folder: Path) -> str:
    """Return what lets others change what is in ``folder``, with what to do; nothing where it is this user's alone."""
    for path in (folder.parent, folder, *folder.rglob("*")):
        try:
            status = path.lstat()
        except OSError:
            continue
        to_blame = one_line(str(path if path == folder.parent else folder), 200)
        if status.st_uid != os.geteuid():
            return f"{to_blame} belongs to another user; remove it, or set LW3DSIM_CACHE_DIR"
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not stat.S_ISLNK(status.st_mode):
            return f"{to_blame} may be written by other users; remove it"
        if path == folder and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            break  # nobody else gets at what is inside, whatever its own mode
    return ""


def _is_constant(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, type) and issubclass(value, tuple))


def _kept_source(folder: Path, module: ModuleType) -> Path | None:
    """Return the copy of a module's source in ``folder``, made if need be; None where it can't be.

    Numba knows what it kept by the path and the age of the source. The folder is of one content
    of all sources: whichever copy of the package asks, in whichever place, what was made of it serves.
    """
    path = folder.resolve() / f"{module.__name__}.py"
    if path.exists():
        return path
    half = path.with_suffix(f".py.tmp.{os.getpid():x}")
    try:
        half.write_bytes(Path(str(module.__file__)).read_bytes())
        os.utime(half, (0, 0))
        half.replace(path)
    except OSError:
        return None
    return path


def _for_all_values(function: Any) -> Any:
    """Keep ``function`` from being translated anew for every constant that is written in a call of it."""
    from numba.core import types

    template, unliteral = function.get_call_template, cast("Any", types).unliteral

    def of_kinds(args: Sequence[Any], kws: dict[str, Any]) -> Any:
        return template([unliteral(arg) for arg in args], {name: unliteral(arg) for name, arg in kws.items()})

    function.get_call_template = of_kinds
    return function


def _refuse(*_: Any) -> Any:
    raise ValueError


def _forgive_files(function: Any) -> None:
    """Have what was kept of ``function`` made anew where it can't be read, and not kept where it can't be written."""
    kept = function._cache  # noqa: SLF001  # Numba has no setting for it
    load, save = kept.load_overload, kept.save_overload

    def load_or_nothing(*args: Any) -> Any:
        try:
            return load(*args)
        except Exception:
            with suppress(OSError):
                kept.flush()
            return None

    def save_if_possible(*args: Any) -> None:
        with suppress(OSError):
            save(*args)

    kept.load_overload, kept.save_overload = load_or_nothing, save_if_possible


def _is_writable(folder: Path) -> bool:
    """Create ``folder`` for this user alone, and return whether a translation can be kept there."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
