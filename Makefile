# `make` alone lists the targets. Everything that they install lies below the project (see tools/setup).
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

export PATH := $(CURDIR)/.tools/bin:$(PATH)

# The question of `make demo` reaches the recipes through the environment, so that it may hold any character.
Q ?= who pays when a provider lies?
override Q := $(value Q)
export Q

# JSON=1 makes `make demo` print one JSON object instead of progress and a receipt.
JSON ?=
DEMO_FLAGS := $(if $(JSON),--json)

# Prints a heading, runs a command, prints how long it took.
STEP := @tools/step

##@ Use

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup-run ## One full run with the real model: make demo Q="who pays when a provider lies?" [JSON=1]
	@cargo build --locked --package assay
	@cargo run --locked --quiet --package assay -- demo $(DEMO_FLAGS) --question "$$Q"

.PHONY: up
up: setup-run ## The same devnet, kept running until Ctrl-C
	@cargo build --locked --package assay
	@exec cargo run --locked --quiet --package assay -- up

##@ Build

.PHONY: setup
setup: ## Install the pinned tools, libraries and the model
	@tools/setup

.PHONY: setup-run
setup-run:
	@tools/setup run

.PHONY: build
build: setup ## Compile the contracts and every crate
	@forge build
	@cargo build --locked --workspace --all-targets

.PHONY: abi
abi: setup ## Regenerate contracts/abi from the Solidity sources
	@tools/abi

.PHONY: kernels
kernels: setup ## Compile kernels/cuda to PTX (downloads 48 MB of NVIDIA's compilers once; needs no GPU)
	@tools/kernels

.PHONY: gas
gas: setup ## Rewrite the gas snapshots in contracts/snapshots
	@FORGE_SNAPSHOT_CHECK=false forge test --match-test '^test_Gas_'

##@ Check

.PHONY: test
test: setup lint test-rust test-page test-solidity test-symbolic ## Every test of every language, after the lints

# Keepers' tests wait for clocks more than they compute: one test more at a time than there are cores.
.PHONY: test-rust
test-rust: setup
	$(STEP) "Rust tests" cargo nextest run --locked --workspace --test-threads $$(($$(getconf _NPROCESSORS_ONLN) + 1))
	$(STEP) "Rust examples in documentation" cargo test --locked --workspace --doc --quiet

# Unit tests, and a wallet that signs for real in headless Chromium against the devnet, which test-rust has built.
.PHONY: test-page
test-page: setup
	$(STEP) "Page: unit tests" npm run --silent --workspace indexer/web test
	$(STEP) "Page: devnet, wallet, accessibility in Chromium" npm run --silent --workspace indexer/web e2e

# Gas and sizes that differ from contracts/snapshots fail the run; `make gas` accepts them.
.PHONY: test-solidity
test-solidity: setup
	$(STEP) "Solidity tests and gas snapshots" env FORGE_SNAPSHOT_CHECK=true forge test

# Proofs for all inputs, some 40 s; the bound on loops is above what any of them needs.
.PHONY: test-symbolic
test-symbolic: setup
	$(STEP) "Symbolic tests" env FOUNDRY_PROFILE=symbolic halmos --forge-build-out contracts/out/symbolic --loop 100

.PHONY: lint
lint: setup lint-text lint-page lint-solidity lint-rust ## Formats, lints, licences, spelling, static analysis, generated files

.PHONY: lint-text
lint-text:
	$(STEP) "Spelling" typos

.PHONY: lint-page
lint-page:
	$(STEP) "Page: format, lint, types" npm run --silent --workspace indexer/web lint

.PHONY: lint-solidity
lint-solidity:
	$(STEP) "Solidity format" forge fmt --check
	$(STEP) "Contract artifacts up to date, sizes" tools/abi --check
	$(STEP) "Solidity lint" forge lint contracts/src --deny notes
	$(STEP) "Solidity static analysis" tools/slither-check

# Not in `make test`, for it downloads compilers: continuous integration runs both.
.PHONY: kernels-check
kernels-check: setup ## The committed PTX is current; registers, spills, shared memory and tensor instructions of every kernel
	$(STEP) "CUDA kernels: PTX up to date, registers, machine code" tools/kernels --check

# Not in `make test`, for it downloads a compiler and installs an emulator.
.PHONY: aarch64
aarch64: setup ## The CPU backend's code for 64-bit ARM makes the bits of the specification, under emulation (downloads 160 MB once)
	$(STEP) "CPU backend on 64-bit ARM, emulated" tools/aarch64

# `cargo deny check advisories` is for where the advisory database can be fetched: it lies in a git repository, and
# `make test` needs nothing but package registries.
.PHONY: lint-rust
lint-rust: export RUSTDOCFLAGS := -D warnings
lint-rust:
	$(STEP) "Rust format" cargo fmt --all --check
	$(STEP) "Rust dependencies: licences, bans, sources" cargo deny --locked check bans licenses sources
	$(STEP) "Rust lint" cargo clippy --locked --workspace --all-targets -- -D warnings
	$(STEP) "Rust documentation" cargo doc --locked --workspace --no-deps --document-private-items --quiet

# Not part of `make test`: all of it takes hours. Stopped, it goes on where it was; tools/mutate --help says what to choose.
.PHONY: mutants
mutants: setup ## Change the contracts one place at a time: which changes does no test notice? (hours)
	@tools/mutate

.PHONY: fmt
fmt: setup ## Format every source file
	@cargo fmt --all
	@forge fmt
	@npm run --silent --workspace indexer/web format

.PHONY: bench
bench: setup ## Measure, print a table, write target/bench.json; fails when a bound does not hold
	@tools/bench
