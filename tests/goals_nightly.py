"""Map random single layers for each objective: python tests/goals_nightly.py [LAYERS] [--seed N]; 25 layers a second.

Says of each objective how often another one beats it at its own goal, by how much in the mean and at worst, and which
layer that is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

from single_layers import GOALS, losses, single_layer


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("layers", nargs="?", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rows: list[tuple[int, dict[str, float]]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "single.yaml"
        for seed in range(asked.seed, asked.seed + asked.layers):
            network, arch = single_layer(seed)
            path.write_text(yaml.safe_dump(network, sort_keys=False), encoding="utf-8")
            rows.append((seed, losses(str(path), arch)))
    sys.stdout.write(f"{'objective':12}{'> 0.5%':>8}{'> 1%':>8}{'> 5%':>8}{'mean':>9}{'worst':>9}  seed\n")
    for name in GOALS:
        lost = [row[name] for _, row in rows]
        shares = "".join(f"{sum(x > 1 + by for x in lost) / len(lost):8.1%}" for by in (0.005, 0.01, 0.05))
        worst = max(rows, key=lambda row: row[1][name])
        sys.stdout.write(f"{name:12}{shares}{sum(lost) / len(lost) - 1:9.3%}{max(lost) - 1:9.1%}  {worst[0]}\n")


if __name__ == "__main__":
    main()
