PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TRACKED := lw3dsim experiments tests

.PHONY: demo test lint bench fuzz kills clean

# Simulate C3D and SlowFast in four cases each on the base design; leave two pages to look at.
demo: $(READY)
	@mkdir -p results
	@$(BIN)/lw3dsim compare c3d --html results/c3d.html
	@echo
	@$(BIN)/lw3dsim compare slowfast_r50_8x8 --html results/slowfast_r50_8x8.html
	@echo
	@echo "Open results/c3d.html and results/slowfast_r50_8x8.html in a browser."

test: lint
	$(BIN)/python -m pytest -n auto -q

lint: $(READY)
	$(BIN)/ruff check $(TRACKED)
	$(BIN)/ruff format --check $(TRACKED)
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m pytest -m benchmark --benchmark-enable -q tests/test_speed.py

# Odd and damaged inputs of every kind, for SECONDS, and commands that write, killed N times.
SECONDS ?= 600
SEED ?= 0
N ?= 200

fuzz: $(READY)
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) --seed $(SEED)

kills: $(READY)
	$(BIN)/python -m tests.fuzz.kills --count $(N) --seed $(SEED)

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build results *.egg-info
