# `make demo` shows the main job, `make test` runs every test. Both set up what is missing first.

CARGO ?= cargo
# Crates whose tests need root and a real kernel; one test at a time.
KERNEL = -p wad-linux -p wad-lab -p wad-reproduce -p wad-daemon -p wad

.PHONY: demo build test test-pure test-kernel check bench figures bootstrap clean

demo: bootstrap
	$(CARGO) build --release --locked -p wad
	target/release/wad demo

build: bootstrap
	$(CARGO) build --release --locked -p wad

test: test-pure test-kernel

test-pure: bootstrap
	$(CARGO) test --locked -p wad-model -p wad-path -p wad-tune -p wad-plot -p wad-sim -p wad-trace -p wad-diagnose -p wad-faults

# Fails without root: a test that did not run proves nothing.
test-kernel: bootstrap
	$(CARGO) test --locked $(KERNEL) -- --test-threads=1

# What CI checks beside the tests.
check: bootstrap
	scripts/check.sh

# The figures in docs/PERFORMANCE.md, measured anew.
figures: build
	scripts/figures.sh

bench:
	$(CARGO) bench --locked -p wad-path -p wad-tune -p wad-trace -p wad-sim

bootstrap:
	@scripts/bootstrap.sh

clean:
	$(CARGO) clean
