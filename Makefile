PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TRACKED := lw3dsim experiments tests

.PHONY: demo test lint bench fuzz kills mutants clean

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
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),600) --seed $(or $(SEED),0)

kills: $(READY)
	$(BIN)/python -m tests.fuzz.kills --count $(or $(N),200) --seed $(or $(SEED),0)

# Change N operators or numbers of the core at random, one at a time, and see which changes no test of its subject sees.
mutants: $(READY)
	$(BIN)/python tests/mutants.py $(or $(N),100) --seed $(or $(SEED),1)

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build results *.egg-info
