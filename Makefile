# Everything starts here; each target sets up what it needs. `make` alone lists them.
#   make demo [REPORT=FILE] [TRAFFIC=DIR]     make test [TRAFFIC=DIR] [ARGS="-k name"]     make bench [JSON=FILE]
#   make read VAULT=DIR TO=DIR                make venv PYTHON=python3.12

.DEFAULT_GOAL := help
.PHONY: help demo run test lint bench rebuild doctor read clean venv

VENV := .venv
RUN := $(VENV)/bin/python
ARGS ?=

help:
	@echo "make demo      play the whole story on this machine and report  [REPORT=FILE] [TRAFFIC=DIR]"
	@echo "make run       keep the same stack running, on the sandbox tenant or a real one"
	@echo "make test      all tests  [TRAFFIC=DIR] [ARGS=...]"
	@echo "make lint      ruff and mypy"
	@echo "make bench     print figures  [JSON=FILE]"
	@echo "make doctor    look at the set-up: what is wrong, and what to do about it"
	@echo "make rebuild   rebuild the catalog from the vault"
	@echo "make read      turn a copied vault into folders of files, with Python alone  VAULT=DIR TO=DIR"
	@echo "make clean     remove what these commands made"

venv:
	@PYTHON="$(PYTHON)" sh sandbox/venv.sh $(VENV)

demo: venv
	@$(RUN) -m sandbox.demo $(if $(REPORT),--report "$(REPORT)") $(if $(TRAFFIC),--traffic "$(TRAFFIC)")

run: venv
	@$(RUN) -m sandbox.run

test: venv
ifeq ($(strip $(ARGS)),)
	@TRAFFIC="$(TRAFFIC)" $(RUN) -m pytest -q -n auto
else
	@TRAFFIC="$(TRAFFIC)" $(RUN) -m pytest -q $(ARGS)
endif

lint: venv
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy --strict $(wildcard shared functions function_app.py)

bench: venv
	@$(RUN) -m bench $(if $(JSON),--json "$(JSON)")

rebuild: venv
	@$(RUN) -m sandbox.rebuild

doctor: venv
	@$(RUN) -m sandbox.doctor

# The offline reader needs no set-up: only Python's standard library.
read:
	@if [ -z "$(VAULT)" ] || [ -z "$(TO)" ]; then echo "usage: make read VAULT=DIR TO=DIR"; exit 2; fi
	@python3 tools/read_vault.py "$(VAULT)" "$(TO)"

clean:
	@rm -rf $(VENV) .local .mypy_cache .ruff_cache .pytest_cache .hypothesis reports
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "removed $(VENV), .local and caches"
