# `make demo` shows the main job, `make test` runs every test. Both set up what is missing first.

CARGO ?= cargo
# Crates whose tests need root and a real kernel; one test at a time. All others are pure.
KERNEL_CRATES = wad-linux wad-lab wad-reproduce wad-daemon wad
KERNEL = $(addprefix -p ,$(KERNEL_CRATES))
PURE = --workspace $(addprefix --exclude ,$(KERNEL_CRATES))
# Property tests try the same cases in each run of `make test`, so that a change is judged by what it changed;
# `make soak` tries many others.
PROPTEST_RNG_SEED ?= 2002

.PHONY: demo build test test-pure test-kernel soak check bench figures bootstrap clean

demo: bootstrap
	$(CARGO) build --release --locked -p wad
	target/release/wad demo

build: bootstrap
	$(CARGO) build --release --locked -p wad

test: test-pure test-kernel

test-pure: export PROPTEST_RNG_SEED := $(PROPTEST_RNG_SEED)
test-pure: bootstrap
	$(CARGO) test --locked $(PURE)

# Fails without root: a test that did not run proves nothing.
test-kernel: export PROPTEST_RNG_SEED := $(PROPTEST_RNG_SEED)
test-kernel: bootstrap
	$(CARGO) test --locked $(KERNEL) -- --test-threads=1

# The property tests with other random cases in each run, and many more of them.
soak: bootstrap
	PROPTEST_CASES=5000 $(CARGO) test --release --locked $(PURE) --exclude wad-plot
	PROPTEST_CASES=100 $(CARGO) test --release --locked -p wad-plot

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
