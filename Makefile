# Every target does its own set-up: Debian packages, .venv, pip. What is there already is left alone.

.DEFAULT_GOAL := help
BIN := .venv/bin
# Where the set-up puts what it may not install.
export PATH := $(CURDIR)/.setup/bin:$(PATH)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## hear a noisy recording transcribed live; ARGS=--mic takes your microphone
	@.ci/setup demo
	@$(BIN)/heard demo $(ARGS)

.PHONY: test
test: ## format, lint, types and tests, as CI runs them
	@.ci/setup test
	@.ci/check format lint types tests

.PHONY: test-slow
test-slow: ## the tests that take minutes each
	@.ci/setup test
	@.ci/check slow

.PHONY: soak
soak: ## kills at random for MINUTES=1 (SEED=n repeats a run); or HOURS=1 of a device that plays on, and memory
	@.ci/setup test
ifdef HOURS
	@SOAK_HOURS=$(HOURS) $(BIN)/pytest -q -s -m slow tests/system/test_device_soak.py
else
	@SOAK_MINUTES=$(or $(MINUTES),1) SOAK_SEED=$(or $(SEED),0) $(BIN)/pytest -q -s tests/system/test_soak.py
endif

.PHONY: fuzz
fuzz: ## hostile input: FRAMES=1000000 frames, MESSAGES=10000 of the service, then SECONDS=60 led by coverage
	@.ci/setup test
	@$(BIN)/python -m tests.fuzz --frames $(or $(FRAMES),1000000) --messages $(or $(MESSAGES),10000) $(ARGS)
	@$(BIN)/python .ci/requirements all fuzz | grep atheris >.setup/fuzz.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement .setup/fuzz.txt
	@for target in control pipes service; do \
	    $(BIN)/python -m tests.fuzz.guided $$target $(or $(SECONDS),60) || exit 1; done

.PHONY: bench
bench: ## the README's numbers, measured on this machine
	@.ci/setup test
	@$(BIN)/python -m tests.bench $(ARGS)

.PHONY: bench-denoise
bench-denoise: ## what each noise reduction does to the words that are recognized; ARGS="--corpus DIR --pairs 2"
	@.ci/setup test
	@nice -n 19 $(BIN)/python -m tests.bench.recognition $(ARGS)

.PHONY: setup
setup: ## only the set-up, for development
	@.ci/setup test

.PHONY: format
format: ## rewrite the source in the project's format
	@.ci/setup test
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

.PHONY: lint
lint: ## format, lint and types, without the tests
	@.ci/setup test
	@.ci/check format lint types

.PHONY: clean
clean: ## remove everything that make has made
	rm -rf .venv .setup out dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
