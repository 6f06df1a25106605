"""What every case script shares: CPU seconds of this process and its children, and the record it leaves."""

from __future__ import annotations

import json
import resource
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


def cpu_seconds() -> float:
    """Return user and system time of this process and of the children that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def write_record(path: str, package: str, cpu_s: float, layer_cycles: list[int], **more: float) -> None:
    """Leave what one run measured as JSON in ``path``."""
    record = {
        "package": package,
        "version": version(package),
        "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu_s": cpu_s,
        "cycles": sum(layer_cycles),
        "layer_cycles": layer_cycles,
        **more,
    }
    Path(path).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
