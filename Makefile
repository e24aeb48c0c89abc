# On a fresh machine with a Swift 6.2+ toolchain, `make quickstart` builds ctpack and compresses a real model, and `make test` runs all tests.
# `make help` lists all targets.

CONFIGURATION ?= release
BIN = .build/$(CONFIGURATION)/ctpack
MODEL = .build/real-model/model.gguf
WORK ?= .build/quickstart
RECIPE ?= Recipes/quickstart.yaml
# All release builds have the same options: others would build everything again. Debug builds have none, as plain `swift build`.
OPTIONS = $(if $(filter release,$(CONFIGURATION)),$(shell .ci/hardening-flags))

.PHONY: help setup build quickstart test real-model benchmarks kernels arm64-kernels crash-tests report-page fuzz sanitize sanitize-swift signing-peer reproducible sbom schemas golden check imports vectors pages format lint clean

help:
	@echo 'make quickstart      build, fetch SmolLM2-135M-Instruct, compress it to 3 bits, learn a prompt, verify, pack, inspect'
	@echo 'make test            run all tests (in a release build; CONFIGURATION=debug for an unoptimised one)'
	@echo 'make build           build the program, $(BIN)'
	@echo 'make real-model      fetch the model for the quick start and the real-model tests'
	@echo 'make benchmarks      measure speed; with PEERS=FOLDER also that of other programs (see Tests/Benchmarks/README.md)'
	@echo 'make kernels         test the C kernels against their plain twins'
	@echo 'make arm64-kernels   test the NEON kernels against their plain twins, in an emulator'
	@echo 'make crash-tests     break the program at every system call on files; REDUCED=1: at a seeded sample, in a few minutes'
	@echo 'make report-page     open sample pages of `ctpack report` in headless Chromium; skipped, loudly, without one'
	@echo 'make reproducible    build the program of a release in two folders, compare the bytes, check how it is hardened'
	@echo 'make schemas         check what `ctpack provenance` writes against the published schemas (installs them from PyPI)'
	@echo 'make sbom            write the bill of materials, .build/ctpack.cdx.json, and check that it names every dependency'
	@echo 'make fuzz            fuzz the readers of untrusted files; TARGET=NAME, SECONDS=600 each (see Tests/README.md)'
	@echo 'make signing-peer    install the program that FileSignaturePeerTests compare with'
	@echo 'make sanitize        run the C kernels and the thread pool with sanitizers; make sanitize-swift: Swift tests, FILTER=SUITES'
	@echo 'make golden          remake the golden files with pinned peers and show differences; WRITE=1 updates the tree'
	@echo 'make check           check formatting, declared imports, and that test vectors and generated pages are unchanged'
	@echo 'make format          format the Swift files in place'
	@echo 'make lint            check that the Swift files are formatted'

setup:
	@.ci/setup

build: setup
	swift build -c $(CONFIGURATION) --product ctpack $(OPTIONS)

quickstart: build real-model
	$(BIN) run $(RECIPE) --work $(WORK) --out $(WORK)/smollm2-3bit.ctpack
	$(BIN) inspect $(WORK)/smollm2-3bit.ctpack --verify full

# With the peer of file signatures where `make signing-peer` installed it.
test: setup real-model
	swift build -c $(CONFIGURATION) --build-tests $(OPTIONS)
	$(if $(wildcard $(SIGNING_PEER)),CTPACK_MODEL_SIGNING=$(abspath $(SIGNING_PEER))) swift test -c $(CONFIGURATION) --skip-build $(OPTIONS)

SIGNING_PEER = .build/signing-peer/bin/model_signing
signing-peer: $(SIGNING_PEER)

$(SIGNING_PEER): Tests/BundleFormatTests/Golden/signing-peer.txt
	python3 -m venv .build/signing-peer
	.build/signing-peer/bin/pip install -q -r $<
	@touch $@

real-model: $(MODEL)

$(MODEL):
	@Recipes/fetch-smollm2 $(MODEL)

benchmarks: build real-model
	swift build -c release --product ctpack-benchmarks $(shell .ci/hardening-flags)
	Tests/Benchmarks/study.py measure speed $(if $(PEERS),--peers $(PEERS))

comma := ,
TWINS = -std=gnu17 -O2 -Wall -D_GNU_SOURCE -ISources/CThreads/include $(patsubst %,-I%,$(wildcard Sources/CKernels/*/)) $(wildcard Tests/Kernels/*.c) \
	$(wildcard Sources/CKernels/*/*.c Sources/CKernels/*/*/*.c Sources/CThreads/*.c) -lm -lpthread

# Both targets need clang, such as the Swift toolchain's. arm64-kernels also needs a C library and a linker for arm64, and
# qemu's user-mode emulator; on Debian: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
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
	@# A processor without int8 dot products, and one with them.
	qemu-aarch64 -cpu cortex-a53 .build/twins-arm64
	qemu-aarch64 -cpu neoverse-n1 .build/twins-arm64

# Needs a C compiler. SEED=NUMBER draws another sample. In an unoptimised build it takes far longer.
crash-tests: build
	Tests/Crash/crash_tests.py $(if $(REDUCED),--reduced,--full) --program $(BIN) $(if $(SEED),--seed $(SEED))

# Needs Chromium (Debian: chromium). Screenshots in both themes and at both widths stay in .build/report.
report-page: setup
	swift build -c $(CONFIGURATION) --build-tests $(OPTIONS)
	CTPACK_REPORT_PAGES=$(CURDIR)/.build/report swift test -c $(CONFIGURATION) --skip-build $(OPTIONS) --filter ReportPageTests
	Tests/Report/check_in_browser.py $(patsubst %,.build/report/%.html,all one bare hostile) --screenshots .build/report

# Takes the time of two release builds. The program stays in .build/release-binary/ctpack.
reproducible: setup
	.ci/check-reproducible .build/release-binary/ctpack

sbom: setup
	.ci/sbom.py .build/ctpack.cdx.json
	.ci/sbom.py --check .build/ctpack.cdx.json

# The first run installs Tests/Schemas/requirements.txt into .build/schemas/environment.
schemas: build
	Tests/Schemas/check_schemas.py --program $(BIN)

# Fuzzing and sanitizers need clang of the Swift toolchain, whose ThreadSanitizer refers to its libdispatch.
CLANG_RUNTIMES = $(shell clang -print-resource-dir)/lib/linux
SWIFT_LIBRARIES = $(dir $(realpath $(shell command -v clang)))../lib/swift/linux
SECONDS ?= 600
# The suites of readers, buffers and kernels. Those that try every byte of a bundle take hours unoptimised.
FILTER ?= BytesTests|CheckpointsTests|TextTests|NumericsTests|PromptsTests|ModelsTests|EvaluationTests|BuildsTests

fuzz: setup
	CTPACK_FUZZ=1 swift build -c release --scratch-path .build/fuzz/build --product ctpack-fuzz \
	  $(patsubst %,-Xlinker %,$(CLANG_RUNTIMES)/libclang_rt.fuzzer_no_main-$(shell uname -m).a -lstdc++ -lm)
	SECONDS_EACH=$(SECONDS) RUNS=$(RUNS) Tests/Fuzz/fuzz .build/fuzz/build/release/ctpack-fuzz .build/fuzz $(TARGET)

sanitize:
	@mkdir -p .build
	clang -g $(TWINS) -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -o .build/twins-sanitized
	.build/twins-sanitized
	clang -std=gnu17 -O1 -g -Wall -D_GNU_SOURCE -ISources/CThreads/include -fsanitize=thread Tests/Kernels/pool/pool_stress.c \
	  $(wildcard Sources/CThreads/*.c) -lpthread $(if $(wildcard $(SWIFT_LIBRARIES)/libdispatch.so),-L$(SWIFT_LIBRARIES) -ldispatch -lBlocksRuntime -Wl$(comma)-rpath$(comma)$(SWIFT_LIBRARIES)) -o .build/pool-sanitized
	TSAN_OPTIONS=halt_on_error=1 .build/pool-sanitized

# Leaks aren't looked for: Swift's runtime keeps the types that it makes.
sanitize-swift: setup
	swift build --build-tests --sanitize address --scratch-path .build/sanitize
	ASAN_OPTIONS=detect_leaks=0 swift test --skip-build --sanitize address --scratch-path .build/sanitize --filter '$(FILTER)'

# The first run installs Tests/Golden/requirements.txt into .build/golden/environment.
golden: setup real-model
	Tests/Golden/remake $(if $(WRITE),--write)

check: lint imports vectors pages

# Fails if a file imports a module that its target doesn't declare.
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
