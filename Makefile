PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# What it takes to run, and what it takes to work on it.
RUNS   := $(VENV)/.runs
READY  := $(VENV)/.ready
TRACKED := lw3dsim experiments tests docs
# What is installed: every package in one version, with hashes, for every platform and Python.
LOCK    := .ci/lock.txt
# Of these, what the package itself needs, and what builds it.
RUNLOCK := .ci/run_lock.txt
# What test-torch runs on.
TORCH   := 2.13.0
# What looks in pages for what shuts readers out, where npm can have it.
AXE     := axe-core@4.11.0
# A C compiler in a wheel, for machines that have none.
ZIG     := .ci/ziglang.txt
PIP     := -q --disable-pip-version-check
# Of what takes minutes, a terminal shows how far it is.
LOUD    := --disable-pip-version-check $(shell [ -t 2 ] || echo -q)
# Python compiles what is imported, once, rather than everything that is installed, or the same at every start.
export PYTHONDONTWRITEBYTECODE :=

# Each file of tests on one core: what its tests share is made once. In the order of tests/support/longest.py, as few tests may take long.
PYTEST  := -m pytest -n auto --dist loadfile --no-loadscope-reorder -q

# What the targets test-lowest and test-newest run; all of it unless told.
TESTS   ?= tests

.PHONY: demo test test-interpreted test-lowest test-newest test-torch style lint docs bench tables screenshots lock properties fuzz kills mutants clean

# Simulate C3D and SlowFast in four cases each on the base design; leave two pages to look at.
demo: $(RUNS)
	@mkdir -p results
	@$(BIN)/lw3dsim compare c3d --html results/c3d.html
	@echo
	@$(BIN)/lw3dsim compare slowfast_r50_8x8 --html results/slowfast_r50_8x8.html
	@echo
	@echo "Open results/c3d.html and results/slowfast_r50_8x8.html in a browser."

# The types are one of the tests.
test: style
	$(BIN)/python $(PYTEST)

# What holds for every layer, mapping and job, on examples that are drawn anew.
properties: $(READY)
	$(BIN)/python $(PYTEST) -m hypothesis --hypothesis-profile default

# Where there is no C compiler, CPython runs the kernels: tests of values and of figures that were, on that form alone.
test-interpreted: $(READY)
	LW3DSIM_KERNELS=interpreted $(BIN)/python $(PYTEST) tests/golden tests/machine tests/map/test_values_map.py \
	    tests/map/test_values_tiling.py tests/map/test_values_fused.py tests/map/test_values_group.py tests/schedule tests/account

# The same on the lowest versions that pyproject.toml states, and on what is newest today: an environment each, made anew.
test-lowest: RESOLUTION := lowest-direct
test-newest: RESOLUTION := highest
test-lowest test-newest: $(READY)
	$(BIN)/uv venv -q --clear --seed --python $(BIN)/python $(VENV)-$@
	$(BIN)/uv pip install -q --python $(VENV)-$@/bin/python --upgrade --resolution $(RESOLUTION) -e '.[dev]'
	$(VENV)-$@/bin/python $(PYTEST) $(TESTS)

# Beside what .venv has, PyTorch, of which the lock holds none. Its build for CPUs or nothing: others are gigabytes.
test-torch: ENV := $(VENV)-test-torch
test-torch: $(READY)
	$(BIN)/uv venv -q --clear --python $(BIN)/python $(ENV)
	@$(BIN)/python -c "import sysconfig as s; print(f'import site; site.addsitedir({s.get_path(\"purelib\")!r})')" \
	    > "$$($(ENV)/bin/python -c "import sysconfig as s; print(s.get_path('purelib'))")/beside.pth"
	@if { $(BIN)/uv pip install -q --python $(ENV)/bin/python --torch-backend cpu torch==$(TORCH) 2> /dev/null || \
	    $(BIN)/python -m pip --python $(ENV)/bin/python install $(PIP) torch==$(TORCH)+cpu 2> /dev/null; } && \
	    $(BIN)/uv pip install -q --python $(ENV)/bin/python av scikit-learn; then \
	    $(ENV)/bin/python $(PYTEST) tests/exporting tests/importing tests/learn tests/arithmetic/test_transposed.py tests/explore/test_answers.py; \
	else \
	    echo "no build of PyTorch $(TORCH) for CPUs can be had here: the tests that need it are skipped"; \
	fi

style: $(READY)
	$(BIN)/ruff check $(TRACKED)
	$(BIN)/ruff format --check $(TRACKED)

lint: style
	$(BIN)/mypy

# The documents as a site, with the reference of the Python interface. A page fetches nothing from elsewhere.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict -q -f docs/site/mkdocs.yml
	@echo "build/site/index.html; to search in it, $(BIN)/python -m http.server -d build/site"

bench: $(READY)
	$(BIN)/python experiments/speed.py
	$(BIN)/python -m pytest -m benchmark --benchmark-enable -q tests/house/test_speed.py

# The tables of the documents anew, after a change of numbers; minutes.
tables: $(READY)
	PYTHONPATH=tests/support:tests/dram:tests/house $(BIN)/python tests/house/test_docs.py
	PYTHONPATH=tests/support:tests/dram:tests/house $(BIN)/python tests/house/test_docs_reference.py
	$(BIN)/python experiments/figures.py > docs/figures.md
	$(BIN)/python experiments/dataflow_tables.py
	$(BIN)/python experiments/energy_tables.py
	$(BIN)/python experiments/fusion_tables.py
	$(BIN)/python experiments/network_tables.py
	$(BIN)/python experiments/paper_figures.py
	$(BIN)/python experiments/tutorial.py

# The pictures of pages in the documents; it takes Chromium.
screenshots: $(READY)
	PYTHONPATH=tests/support $(BIN)/python experiments/screenshots.py

# Odd and damaged inputs of every kind, for SECONDS, and commands that write, killed N times.
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),600) --seed $(or $(SEED),0)

kills: $(READY)
	$(BIN)/python -m tests.fuzz.kills --count $(or $(N),200) --seed $(or $(SEED),0)

# Change N operators or numbers of the core at random, one at a time, and see which changes no test of its subject sees.
mutants: $(READY)
	$(BIN)/python tests/mutants.py $(or $(N),100) --seed $(or $(SEED),1)

# Write the lock anew, with what is newest today.
lock: $(READY)
	$(BIN)/uv pip compile -q --universal --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock" --extra dev pyproject.toml -o $(LOCK)
	echo "setuptools" | $(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock" -c $(LOCK) pyproject.toml - -o $(RUNLOCK)
	echo "ziglang>=0.13" | $(BIN)/uv pip compile -q --universal --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock" - -o $(ZIG)

# Nothing that the locks do not hold is fetched: the backend that builds the package is in both.
$(RUNS): pyproject.toml $(RUNLOCK) $(ZIG)
	@echo "The libraries that lw3dsim runs on, into $(VENV)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(LOUD) --no-compile --require-hashes -r $(RUNLOCK)
	@[ -n "$$(command -v $(firstword $(CC)) gcc clang)" ] || $(BIN)/python -m pip install $(PIP) --require-hashes -r $(ZIG) || \
	    echo "there is no C compiler here, and none could be installed: CPython will run the kernels"
	@echo "lw3dsim itself, its kernels compiled"
	$(BIN)/python -m pip install $(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(READY): $(RUNS) $(LOCK)
	@echo "What tests and documents need, some minutes at the first time"
	$(BIN)/python -m pip install $(LOUD) --no-compile --require-hashes -r $(LOCK)
	@npm install --prefix $(VENV)/axe --no-audit --no-fund --ignore-scripts --silent $(AXE) > /dev/null 2>&1 || \
	    echo "axe-core can't be had here (no npm, or no registry): pages are not held against it"
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-* build results *.egg-info
