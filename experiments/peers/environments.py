"""Where each tool runs: virtual environments of the peers, made once and reused; the checkout's for lw3dsim."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = {
    "scalesim": ("scalesim==3.0.0", "numpy<2.4"),
    "zigzag": ("zigzag-dse==3.9.1", "six"),  # six: it imports it without asking for it
    "accelforge": ("accelforge==1.0.467", "hwcomponents==1.0.114"),
}
# Interpreters of peers that need a newer Python than lw3dsim.
NEWER = {"accelforge": "python3.12"}
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
PATIENCE_S = 3600
LONGEST = 160  # characters of a tool's last words that an error repeats


class PeerError(Exception):
    """A tool could not be installed or run; the text says which, and where to look."""


def run_logged(command: list[str], log: Path, complaint: str, env: dict[str, str] | None = None) -> None:
    """Run ``command`` with its output in ``log``; raise PeerError with ``complaint`` if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:
        try:
            done = subprocess.run(  # noqa: S603  # commands of our own
                command, stdout=file, stderr=subprocess.STDOUT, env=env, timeout=PATIENCE_S
            )
        except subprocess.TimeoutExpired:
            raise PeerError(f"{complaint}: not done after {PATIENCE_S} s (its output: {log})") from None
    if done.returncode:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no output"]
        raise PeerError(f"{complaint}: {said[-1].strip()[:LONGEST]} (all its output: {log})")


def python_of(tool: str, work: Path) -> Path:
    """Return the interpreter of ``tool``, installing a peer that is not there yet. Raises PeerError."""
    if tool == "ours":
        local = ROOT / ".venv" / "bin" / "python"
        return local if local.exists() else Path(sys.executable)
    folder = work / f"env_{tool}"
    python, done = folder / "bin" / "python", folder / "installed"
    wanted = "\n".join(REQUIREMENTS[tool])
    if not (python.exists() and done.exists() and done.read_text(encoding="utf-8") == wanted):
        print(f"{tool}: installing {', '.join(REQUIREMENTS[tool])} ...", flush=True)
        log = work / "logs" / f"install_{tool}.txt"
        command = [_base_of(tool), "-m", "venv", "--clear", str(folder)]
        run_logged(command, log, f"{tool}: no virtual environment")
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input", "--retries", "1"]
        run_logged([*pip, *REQUIREMENTS[tool]], log, f"{tool}: pip can't install it (no network?)")
        done.write_text(wanted, encoding="utf-8")
    return python


def _base_of(tool: str) -> str:
    """Return the interpreter that the environment of a peer is made with. Raises PeerError."""
    name = NEWER.get(tool)
    if name is None or sys.version_info >= (3, 12):
        return sys.executable
    found = shutil.which(name)
    if found is None:
        raise PeerError(f"{tool}: needs {name}, which is not on PATH")
    return found


def environment_of(tool: str, python: Path) -> dict[str, str]:
    """Return environment variables for one thread and with the interpreter's folder first on PATH."""
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    variables = {**os.environ, **dict.fromkeys(ONE_THREAD, "1"), "PATH": path, "PYTHONHASHSEED": "0"}
    if tool != "ours":  # a peer imports from its own environment only
        variables.pop("PYTHONPATH", None)
    return variables
