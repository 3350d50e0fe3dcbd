# make train      install, fetch MNIST, train the PyTorch CNN of article II, print its test accuracy
# make test       install, then the whole test suite, on two processes of one thread each
# make test-cuda  what can run on a GPU, on one; nothing else
# make lint       format check, lint and types
# A second call installs and downloads nothing. --no-compile saves a minute: Python compiles what it imports.

PYTHON ?= python3
INSTALLED := .venv/.installed

.PHONY: train test test-cuda lint

train: $(INSTALLED)
	.venv/bin/python scripts/train.py --backend torch --preset article-2 \
		--out runs/article-2 --overwrite
	@echo 'On another machine, compare the loss of epoch 1 and the test accuracy. They are rounded differently there:'
	@echo 'of 70 such runs on a CPU and again on a GPU, 95 % differed by at most 0.0010 and 0.0032. To compare speeds,'
	@echo 'take the ratio to Keras on the same machine: python scripts/benchmark.py'

test: $(INSTALLED)
	OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 \
		.venv/bin/python -m pytest --numprocesses 2 --dist worksteal

test-cuda: $(INSTALLED)
	.venv/bin/python -m pytest --device cuda -m cuda

lint: $(INSTALLED)
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("error: PYTHON is " + sys.version.split()[0] + "; accepted: 3.11 to 3.13, which TensorFlow has packages for")'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --no-compile --constraint constraints.txt --editable '.[torch,keras,hdf5,plots,cluster,docs,dev]'
	touch $@
