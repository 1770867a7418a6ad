# Each target makes .venv from requirements.lock (with hashes) if it is missing or older than the lock.
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready

.PHONY: install demo test check conformance bench soak lock clean

install: $(READY)

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "lading needs Python 3.11: install it, or run 'make PYTHON=/path/to/python3.11 …'" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements.lock  # the lock is complete
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check --quiet
	touch $(READY)

demo: $(READY)
	$(BIN)/lading demo

test: $(READY)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=90

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

conformance: $(READY)  # needs Go
	LADING_CONFORMANCE=1 $(BIN)/pytest tests/conformance

bench: $(READY)
	$(BIN)/python benchmarks/handoff.py
	$(BIN)/python benchmarks/policy.py
	$(BIN)/python benchmarks/audit.py

soak: $(READY)  # about 10 minutes; fuzzing needs Linux on x86-64, failing system calls need strace
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement tests/fuzz/requirements.txt \
		|| echo "no Atheris for this machine: fuzzing is skipped"
	$(BIN)/python -m tests.soak

lock:
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --output-file requirements.lock

clean:
	rm -rf .venv build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
