# Two commands do everything on a fresh machine with a Swift 6.2+ toolchain: `make quickstart` and `make test`.
# `make help` lists the rest.

CONFIGURATION ?= release
BIN = .build/$(CONFIGURATION)/ctpack
MODEL = .build/real-model/model.gguf
WORK ?= .build/quickstart
RECIPE ?= Recipes/quickstart.yaml

.PHONY: help setup build quickstart test real-model benchmarks kernels arm64-kernels golden check imports vectors pages format lint clean

help:
	@echo 'make quickstart   build, fetch SmolLM2-135M-Instruct, compress it to 3 bits, learn a prompt, verify, pack, inspect'
	@echo 'make test         all tests (CONFIGURATION=debug for an unoptimised build; release is the default)'
	@echo 'make build        the program: $(BIN)'
	@echo 'make real-model   fetch the model that the quick start and the real-model tests use'
	@echo 'make benchmarks   speed, beside the peers with PEERS=FOLDER (see Tests/Benchmarks/README.md)'
	@echo 'make kernels      the C kernels against their plain twins; make arm64-kernels: those for NEON, in an emulator'
	@echo 'make golden       golden files made again with pinned peers and compared; WRITE=1 copies what differs into the tree'
	@echo 'make check        lint, declared imports, test vectors and generated pages unchanged'
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
	Tests/Benchmarks/study.py measure speed $(if $(PEERS),--peers $(PEERS))

TWINS = -std=gnu17 -O2 -Wall -D_GNU_SOURCE -ISources/CThreads/include $(patsubst %,-I%,$(wildcard Sources/CKernels/*/)) $(wildcard Tests/Kernels/*.c) \
	$(wildcard Sources/CKernels/*/*.c Sources/CKernels/*/*/*.c) Sources/CThreads/thread_pool.c -lm -lpthread

# Both need clang (the toolchain's own will do). That for arm64 also needs a C library and linker for it, and qemu's
# user-mode emulator: on Debian, apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
kernels:
	@mkdir -p .build
	clang $(TWINS) -o .build/twins
	.build/twins

arm64-kernels:
	@command -v clang >/dev/null || { echo 'arm64-kernels: no clang; install it, or put the Swift toolchain on the path' >&2; exit 1; }
	@command -v aarch64-linux-gnu-gcc >/dev/null || { echo 'arm64-kernels: no C library and linker for arm64 (Debian: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross)' >&2; exit 1; }
	@command -v qemu-aarch64 >/dev/null || { echo 'arm64-kernels: no qemu-aarch64 (Debian: qemu-user)' >&2; exit 1; }
	@mkdir -p .build
	clang --target=aarch64-linux-gnu -static $(TWINS) -o .build/twins-arm64
	@# A processor without dot products of bytes, and one with them.
	qemu-aarch64 -cpu cortex-a53 .build/twins-arm64
	qemu-aarch64 -cpu neoverse-n1 .build/twins-arm64

# Installs Tests/Golden/requirements.txt into .build/golden/environment the first time.
golden: setup real-model
	Tests/Golden/remake $(if $(WRITE),--write)

check: lint imports vectors pages

# Every import must be a declared dependency of its target.
imports: setup
	swift build --build-tests --explicit-target-dependency-import-check error

vectors:
	Tests/Golden/remake --only vectors

pages:
	Tests/Benchmarks/study.py render --check
	swift run ctpack recipe reference Recipes/README.md

format:
	swift format --in-place --recursive --parallel Sources Tests Package.swift

lint:
	swift format lint --strict --recursive --parallel Sources Tests Package.swift

clean:
	rm -rf .build
