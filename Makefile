# Two commands do everything on a fresh machine with a Swift 6.2+ toolchain: `make quickstart` and `make test`.
# `make help` lists the rest.

CONFIGURATION ?= release
BIN = .build/$(CONFIGURATION)/ctpack
MODEL = .build/real-model/model.gguf
WORK ?= .build/quickstart
RECIPE ?= Recipes/quickstart.yaml

.PHONY: help setup build quickstart test real-model benchmarks format lint clean

help:
	@echo 'make quickstart   build, fetch SmolLM2-135M-Instruct, compress it to 3 bits, learn a prompt, verify, pack, inspect'
	@echo 'make test         all tests (CONFIGURATION=debug for an unoptimised build; release is the default)'
	@echo 'make build        the program: $(BIN)'
	@echo 'make real-model   fetch the model that the quick start and the real-model tests use'
	@echo 'make benchmarks   speed against the peers (PEERS=folder of the Python environments; see Tests/Benchmarks)'
	@echo 'make format lint  swift format, in place or as a check'

setup:
	@.ci/setup

build: setup
	swift build -c $(CONFIGURATION) --product ctpack

quickstart: build real-model
	$(BIN) run $(RECIPE) --work $(WORK) --out $(WORK)/smollm2-3bit.ctpack
	$(BIN) inspect $(WORK)/smollm2-3bit.ctpack --verify full

test: setup real-model
	swift build -c $(CONFIGURATION) --build-tests
	swift test -c $(CONFIGURATION) --skip-build

real-model: $(MODEL)

$(MODEL):
	@Recipes/fetch-smollm2 $(MODEL)

benchmarks: build real-model
	swift build -c release --product ctpack-benchmarks
	Tests/Benchmarks/run $(PEERS)

format:
	swift format --in-place --recursive --parallel Sources Tests Package.swift

lint:
	swift format lint --strict --recursive --parallel Sources Tests Package.swift

clean:
	rm -rf .build
