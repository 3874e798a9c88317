# Every target sets up .venv first; that takes a minute once and nothing afterwards.
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help setup demo test check format serve bench lock clean

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' Makefile | awk -F'|' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: ## The virtual environment and its packages; all other targets begin with it
	@sh scripts/setup.sh

demo: setup ## A simulated caller telephones an agent; no key and no account needed
	@$(BIN)/phoneagent demo

test: setup ## The tests (ARGS="tests/core -k barge_in" for some of them)
	@$(BIN)/python -m pytest --numprocesses 3 --dist load --maxschedchunk 2 $(ARGS)

check: setup ## Format, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/python -m mypy

format: setup ## Format, and repair what lint can repair
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

serve: setup ## Answer calls, with the settings of .env
	@$(BIN)/phoneagent serve

bench: setup ## Performance figures, see docs/performance.md
	@$(BIN)/python -m bench $(ARGS)

lock: setup ## Write requirements.lock anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --all-extras --group dev --custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean: ## Remove the virtual environment and caches; recordings and .env stay
	rm -rf .venv .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
