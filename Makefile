# Moothall. `make` alone lists what can be done.
#
# One build profile serves running, tests and browsers: dev, with dependencies at opt-level 2 and the bridge at 1 (Cargo.toml).
# It is there sooner than a release with its link-time optimisation, and fast enough for a meeting. `make run RELEASE=1` runs the
# release.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

ifeq ($(shell command -v cargo),)
export PATH := $(HOME)/.cargo/bin:$(PATH)
endif
TARGET := $(or $(CARGO_TARGET_DIR),target)
WEB := signal/web
BROWSER := tests/browser
BIN := $(TARGET)/$(if $(RELEASE),release,debug)/moothall
PROMETHEUS := work/prometheus/usr/bin/prometheus
JANUS := work/janus/usr/bin/janus
LIBRARY := work/lib-jitsi-meet/package/lib-jitsi-meet.min.js
GST_MEET := work/gst-meet/bin/gst-meet
export MOOTHALL_BIN := $(abspath $(BIN))
export LIB_JITSI_MEET := $(abspath $(LIBRARY))
export STAGES := $(TARGET)/stages

# What is missing is installed, by Debian's names. aws-lc needs a C compiler and nothing else, libFuzzer a C++ compiler.
NEED_RUN := cc:gcc /usr/include/stdio.h:libc6-dev node:nodejs npm:npm
# Plugins lie in folders that are named for the machine; what says that a package is there lies where it does everywhere.
DOCUMENTED = $(foreach package,$(1),/usr/share/doc/$(package):$(package))
PLUGINS := gstreamer1.0-libav $(addprefix gstreamer1.0-plugins-,base good bad ugly)
NEED_RECORDER := $(NEED_RUN) pkg-config:pkg-config \
	$(call DOCUMENTED,libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libclang-dev $(PLUGINS))
NEED_TEST := $(NEED_RECORDER) gst-launch-1.0:gstreamer1.0-tools chromium:chromium firefox-esr:firefox-esr ip:iproute2 unshare:util-linux openssl:openssl \
	ps:procps pkill:procps /usr/sbin/sysctl:procps certutil:libnss3-tools curl:curl /usr/sbin/mkfs.ext4:e2fsprogs
NEED_DEB := $(NEED_RECORDER) dpkg-deb:dpkg strip:binutils readelf:binutils
NEED_PACKAGE := $(NEED_DEB) lintian:lintian systemd-analyze:systemd deb-systemd-helper:init-system-helpers setpriv:util-linux \
	systemd-nspawn:systemd-container pgrep:procps dbus-daemon:dbus python3:python3
NEED_IMAGE := mmdebstrap:mmdebstrap /usr/sbin/mke2fs:e2fsprogs /usr/sbin/sfdisk:fdisk /usr/sbin/mkfs.vfat:dosfstools mcopy:mtools \
	cpio:cpio /usr/sbin/depmod:kmod openssl:openssl systemctl:systemd rauc:rauc mksquashfs:squashfs-tools \
	make:make xz:xz-utils readelf:binutils aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu
NEED_BOARD := rauc:rauc /usr/sbin/debugfs:e2fsprogs qemu-system-aarch64:qemu-system-arm /usr/share/qemu-efi-aarch64/QEMU_EFI.fd:qemu-efi-aarch64 \
	/usr/sbin/dnsmasq:dnsmasq-base mcopy:mtools
NEED_GROWTH := $(NEED_RUN) ip:iproute2 unshare:util-linux /usr/sbin/sysctl:procps
NEED_PEERS := $(NEED_GROWTH) dpkg-deb:dpkg
NEED_HOPS := valgrind:valgrind
NEED_FUZZ := cc:gcc c++:g++ /usr/include/stdio.h:libc6-dev
NEED_GST_MEET := $(NEED_RECORDER) $(call DOCUMENTED,libnice-dev gstreamer1.0-nice)

NPM_CI := npm ci --no-audit --no-fund --loglevel=error
WEB_SOURCES := $(wildcard $(WEB)/*.json $(WEB)/*.mjs) $(shell find $(WEB)/src appliance/web/src -type f)
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find appliance board-configs bridge signal -name node_modules -prune -o -name web -prune \
	-o \( -name '*.rs' -o -name '*.css' -o -name Cargo.toml -o -path '*/boards/*.toml' \) -print)

# What Debian calls this machine, where its packages go, and what is built for 64-bit ARM.
ARCHITECTURE := $(shell dpkg --print-architecture 2>/dev/null)
ARCHITECTURES ?= $(sort $(ARCHITECTURE) arm64)
PACKAGES := $(TARGET)/packages
SHARE := $(TARGET)/share
ARM := $(TARGET)/cross/aarch64-unknown-linux-gnu/release/moothall
ARM_EMULATED := $(TARGET)/cross/aarch64-unknown-linux-gnu/emulated/moothall

.PHONY: help run recorder cross deb deb-$(ARCHITECTURE) deb-arm64 image-qemu test test-full test-arm test-board test-stages lint bench bench-peers bench-growth kilobytes soak fuzz web setup-run setup-test web-test rust-build \
	rust-test hops hops-kept package-test board-tools board-image board-test with-board without-board monitoring-test gst-meet-test browser-long share simulation-long chance-long browser-test browser-again screens

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup-run $(BIN) ## host a meeting on this machine (ARGS='--config site.toml' passes options on)
	@exec $(BIN) host $(ARGS)

cross: setup-run $(WEB)/dist/index.html ## build the release for 64-bit ARM
	@.ci/cross build --release --locked -p appliance
	@.ci/cross build --release --locked -p recorder

deb: $(addprefix deb-,$(ARCHITECTURES)) ## Debian packages for this machine and for 64-bit ARM (ARCHITECTURES=arm64 for one): target/packages

# Puts the programs for an architecture into their packages.
define PACKAGE
	@appliance/package/deb $(1) $(PACKAGES) $(2) $(SHARE)/moothall $(2)-recorder $(SHARE)/moothall-recorder
	@dpkg-deb --fsys-tarfile $$(ls -t $(PACKAGES)/moothall_*_$(1).deb | head -n 1) | tar -xO ./usr/bin/moothall >$(PACKAGES)/moothall
	@.ci/budget moothall $(PACKAGES)/moothall && rm $(PACKAGES)/moothall
	@.ci/budget package $$(ls -t $(PACKAGES)/moothall_*_$(1).deb | head -n 1)
endef

deb-$(ARCHITECTURE): setup-run share $(WEB)/dist/index.html
	@cargo build --release --locked -p appliance
	@cargo build --release --locked -p recorder
	$(call PACKAGE,$(ARCHITECTURE),$(TARGET)/release/moothall)

ifneq ($(ARCHITECTURE),arm64)
deb-arm64: cross share
	$(call PACKAGE,arm64,$(ARM))
endif

# What lies in this folder is made anew but for Debian's packages, which are unpacked once.
IMAGE := $(TARGET)/image
EMULATE := env MOOTHALL_IMAGE=$(abspath $(TARGET)/image/disk.img) tests/netns node --test
image-qemu: deb-arm64 ## a disk image for an emulated 64-bit ARM board, of Debian's packages and ours: target/image/disk.img
	@.ci/need $(NEED_IMAGE)
	@board-configs/image/build qemu-arm64 $(IMAGE) $$(ls -t $(PACKAGES)/moothall_*_arm64.deb | head -n 1) \
		$$(ls -t $(PACKAGES)/moothall-recorder_*_arm64.deb | head -n 1)

# Man pages and completions, as they lie in /usr/share. With `--workspace`, what the tests compiled fits.
share:
	@.ci/need $(NEED_DEB)
	@rm -rf $(SHARE)
	@cargo build --quiet --workspace --locked --bin manual --example manual
	@$(TARGET)/debug/manual $(SHARE)/moothall
	@$(TARGET)/debug/examples/manual $(SHARE)/moothall-recorder

test: ## everything that must pass before a change lands (Debian 12 and 13)
	@$(MAKE) test-stages
	@.ci/stage --sum

# No stage stops the next; the sum at the end knows what failed.
test-stages:
	@.ci/system debian-12 debian-13
	@.ci/rust fmt clippy
	@rm -rf $(STAGES)
	@.ci/stage --ask packages .ci/need $(NEED_TEST)
	@.ci/stage setup $(MAKE) setup-test
	@.ci/stage web $(MAKE) web-test
	@.ci/stage build $(MAKE) rust-build
	@.ci/stage rust $(MAKE) rust-test
	@.ci/stage --ask hops $(MAKE) hops
	@if .ci/emulates; then $(MAKE) with-board; else $(MAKE) without-board; fi

without-board:
	@STAGE_MINUTES=45 .ci/stage browser $(MAKE) browser-test
	@.ci/stage monitoring $(MAKE) monitoring-test
	@.ci/stage lint $(MAKE) lint

# Browsers and boards wait more than they work: what is compiled beside them takes no time. Browsers make their pictures smaller on a
# busy machine, so that they are left every processor that they want.
with-board:
	@.ci/stage --ask tools $(MAKE) board-tools
	@STAGE_MINUTES=60 chrt --idle 0 .ci/stage image $(MAKE) board-image >$(STAGES)/image.out 2>&1 & \
		STAGE_MINUTES=45 .ci/stage browser $(MAKE) browser-test; .ci/stage monitoring $(MAKE) monitoring-test; \
		wait; cat $(STAGES)/image.out
	@.ci/stage board $(MAKE) board-test >$(STAGES)/board.out 2>&1 & .ci/stage lint nice $(MAKE) lint; wait; cat $(STAGES)/board.out

test-full: ## `make test`, and what takes too long for it: many seeds, browsers AGAIN times, fuzzing, measurements
	@$(MAKE) test-stages
	@.ci/stage --ask package $(MAKE) package-test
	@STAGE_MINUTES=60 .ci/stage long $(MAKE) browser-long
	@.ci/stage --ask gst-meet $(MAKE) gst-meet-test
	@STAGE_MINUTES=90 .ci/stage simulation $(MAKE) simulation-long
	@STAGE_MINUTES=120 .ci/stage chance $(MAKE) chance-long
	@STAGE_MINUTES=90 .ci/stage browsers $(MAKE) browser-again
	@.ci/stage screens $(MAKE) screens
	@STAGE_MINUTES=90 .ci/stage fuzz $(MAKE) fuzz FUZZ_SECONDS=60
	@STAGE_MINUTES=60 .ci/stage bench $(MAKE) bench
	@STAGE_MINUTES=40 .ci/stage soak $(MAKE) soak
	@STAGE_MINUTES=90 .ci/stage arm $(MAKE) test-arm
	@STAGE_MINUTES=120 .ci/stage boards $(MAKE) test-board
	@.ci/stage --sum

test-arm: setup-test cross ## 64-bit ARM in an emulator: tests of the packet path, what a packet costs, a meeting
	@.ci/arm-test

test-board: setup-test image-qemu ## the disk image in an emulator with 1 GB: meetings, updates, sticks, and a plug that is pulled
	@.ci/need $(NEED_BOARD)
	@.ci/cross rustc --locked --profile emulated -p room-hal --all-features --example panel -- -C target-feature=+crt-static
	@status=0; for suite in tests/board/*.test.mjs; do echo "==== $$suite"; $(EMULATE) $$suite || status=1; done; exit $$status

monitoring-test: $(BROWSER)/node_modules/.package-lock.json $(PROMETHEUS)
	@tests/netns node --test tests/monitoring.test.mjs

# A meeting of a browser and a client that is none.
gst-meet-test: $(BROWSER)/node_modules/.package-lock.json
	@.ci/need $(NEED_GST_MEET)
	@$(MAKE) $(GST_MEET)
	@timeout --kill-after=10 10m tests/netns node --test tests/gst-meet.test.mjs

# More kinds of bad lines than `make test` has time for, a full room, and a room of each codec.
browser-long: $(BROWSER)/node_modules/.package-lock.json
	@status=0; for suite in $(BROWSER)/long/*.test.mjs; do echo "==== $$suite"; tests/netns node --test $$suite || status=1; done; exit $$status

board-tools:
	@.ci/need $(NEED_DEB) $(NEED_IMAGE) $(NEED_BOARD) chrt:util-linux
	@.ci/cross --version

# With programs that are there sooner than a release.
board-image: setup-test share board-tools
	@.ci/cross build --locked --profile emulated -p appliance -p recorder
	@rm -rf $(PACKAGES)/emulated
	@appliance/package/deb arm64 $(PACKAGES)/emulated $(ARM_EMULATED) $(SHARE)/moothall $(ARM_EMULATED)-recorder $(SHARE)/moothall-recorder
	@board-configs/image/build qemu-arm64 $(IMAGE) $(PACKAGES)/emulated/*.deb

# One start, one meeting that is recorded, one update that is taken back. Comes after `board-image`.
board-test:
	@timeout --kill-after=10 22m $(EMULATE) tests/board/board.test.mjs

lint: ## formatting, clippy, documentation, types of the page
	@.ci/rust fmt clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' cargo doc --workspace --no-deps --document-private-items --locked
	cargo metadata --locked --format-version 1 --manifest-path tests/fuzz/Cargo.toml >/dev/null
	@$(MAKE) $(WEB)/node_modules/.package-lock.json
	npm --prefix $(WEB) run --silent check

# The load generator is no part of what is measured: it is built in less time, and runs fast enough (it says so if not).
BENCH := cargo build --locked -p tests --bins --config 'profile.dev.package.tests.opt-level=2'
bench: setup-test ## memory, processor time and time to join of the release build
	@cargo build --release --locked -p appliance
	@cargo build --release --locked -p recorder
	@$(BENCH)
	@echo; echo '$$ bench-meeting moothall 10 20'
	@tests/netns $(TARGET)/debug/bench-meeting $(TARGET)/release/moothall 10 20
	@echo; echo '$$ cargo run --release -p recorder --example compose_speed -- 40'
	@taskset -c 0 cargo run --quiet --release --locked -p recorder --example compose_speed -- 40
	@for what in 'rooms 10000' 'listeners 200' 'storm 100'; do echo; echo "$$ bench-signal moothall $$what"; \
		tests/netns $(TARGET)/debug/bench-signal $(TARGET)/release/moothall $$what || exit 1; done
	@echo; echo '$$ node tests/browser/bench-join.mjs 10'
	@MOOTHALL_BIN=$(abspath $(TARGET)/release/moothall) tests/netns node $(BROWSER)/bench-join.mjs 10

# Joins, leaves and layer switches for ten minutes.
SOAK_MINUTES ?= 10
soak: setup-test
	@cargo build --release --locked -p appliance
	@$(BENCH)
	@tests/netns $(TARGET)/debug/soak $(TARGET)/release/moothall $(SOAK_MINUTES)

# Where the picture goes; `make bench-peers PICTURE=tests/peers.svg` renews the one that the README shows.
PICTURE ?= $(TARGET)/bench-peers.svg
bench-peers: $(WEB)/dist/index.html $(JANUS) ## processor time, latency and memory beside Janus and beside the least there can be
	@.ci/rust
	@.ci/need $(NEED_PEERS)
	@cargo build --release --locked -p appliance
	@$(BENCH)
	@tests/netns $(TARGET)/debug/bench-peers $(TARGET)/release/moothall work/janus $(PICTURE)

# The same for tests/growth.svg.
GROWTH ?= $(TARGET)/bench-growth.svg
bench-growth: $(WEB)/dist/index.html ## processor time, memory and latency against 2 to 200 people and 1 to 50 meetings
	@.ci/rust
	@.ci/need $(NEED_GROWTH)
	@cargo build --release --locked -p appliance
	@$(BENCH)
	@tests/netns $(TARGET)/debug/bench-growth $(TARGET)/release/moothall $(GROWTH)

kilobytes: $(WEB)/dist/index.html ## where the memory of an idle host goes, and that of each person in a meeting
	@.ci/rust
	@.ci/need $(NEED_GROWTH) $(NEED_HOPS)
	@cargo build --release --locked -p appliance
	@$(BENCH)
	@cargo build --locked -p appliance
	@tests/netns $(TARGET)/debug/kilobytes $(TARGET)/release/moothall $(TARGET)/debug/moothall
	@cargo run --quiet --release --locked -p bridge --example idle
	@cargo test --quiet --locked --workspace --test heap -- --nocapture --test-threads 1 | grep bridge

FUZZ_SECONDS ?= 30
fuzz: ## try new inputs on all parsers that face the network (FUZZ_SECONDS for each, FUZZ='xml rtp' for some)
	@.ci/rust
	@.ci/need $(NEED_FUZZ)
	@.ci/fuzz $(FUZZ_SECONDS) $(FUZZ)

recorder: setup-run ## build the recorder beside the host, so that meetings can be recorded (needs GStreamer)
	@.ci/need $(NEED_RECORDER)
	@cargo build --locked -p recorder $(if $(RELEASE),--release)

web: setup-run $(WEB)/dist/index.html ## build the page

setup-run:
	@.ci/rust
	@.ci/need $(NEED_RUN)

setup-test:
	@.ci/rust fmt clippy
	@.ci/need $(NEED_TEST)
	@$(MAKE) $(WEB)/dist/index.html $(BROWSER)/node_modules/.package-lock.json $(LIBRARY)

web-test: $(WEB)/dist/index.html
	npm --prefix $(WEB) test

# All that the tests need at once, so that everything is compiled once.
rust-build: $(WEB)/dist/index.html
	cargo test --workspace --locked --no-run
	cargo build --workspace --locked --bins

# In a network namespace: nothing listens where another machine could reach it. What tests leave in the temporary folder goes.
rust-test:
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
		TMPDIR=$$tmp tests/netns cargo test --workspace --locked --offline --no-fail-fast

hops: ## count what a packet costs on each hop of the packet path, and compare with what is kept
	@.ci/need $(NEED_HOPS)
	@.ci/hops bridge/hops.txt

# Keeps what is counted now; what costs more needs a reason: WHY='what for'.
hops-kept:
	@.ci/need $(NEED_HOPS)
	@.ci/hops bridge/hops.txt write

# The program of the tests: a release takes too long to build, and is packaged in the same way.
package-test: rust-build share
	@.ci/need $(NEED_PACKAGE)
	@rm -rf $(PACKAGES)/debug
	@appliance/package/deb $(ARCHITECTURE) $(PACKAGES)/debug $(TARGET)/debug/moothall $(SHARE)/moothall \
		$(TARGET)/debug/moothall-recorder $(SHARE)/moothall-recorder
	@tests/package $(PACKAGES)/debug/moothall_*.deb
	@tests/system $(PACKAGES)/debug/moothall_*.deb

browser-test: $(BROWSER)/node_modules/.package-lock.json $(LIBRARY)
	@status=0; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; for suite in $(BROWSER)/*.test.mjs; do \
		echo "==== $$suite"; TMPDIR=$$tmp tests/netns node --test $$suite || status=1; \
	done; exit $$status

screens: $(BROWSER)/node_modules/.package-lock.json $(BIN) ## pictures of every view, for people to look at: target/screenshots/views
	@tests/netns node $(BROWSER)/screens.mjs

AGAIN ?= 3
browser-again:
	@status=0; for again in $$(seq $(AGAIN)); do $(MAKE) browser-test || status=1; done; exit $$status

# With all checks, but compiled to run for long.
MANY := cargo test --workspace --locked --config 'profile.dev.package.tests.opt-level=2' --config 'profile.dev.package.bridge.opt-level=2' --test
MOOTHALL_SEEDS ?= 200
simulation-long:
	MOOTHALL_SEEDS=$(MOOTHALL_SEEDS) $(MANY) simulation

# Meetings of chance: 200 of them are part of `make test`.
CHANCES ?= 10000
chance-long:
	MOOTHALL_SEEDS=$(CHANCES) $(MANY) chance

# Later than the page: it is built into the binary.
$(BIN): $(RUST_SOURCES) $(WEB)/dist/index.html
	@cargo build --locked -p appliance $(if $(RELEASE),--release)
	@touch $@

$(WEB)/dist/index.html: $(WEB_SOURCES) $(WEB)/node_modules/.package-lock.json
	@npm --prefix $(WEB) run --silent build
	@touch $@

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	@cd $(WEB) && $(NPM_CI)
	@touch $@

$(BROWSER)/node_modules/.package-lock.json: $(BROWSER)/package-lock.json
	@cd $(BROWSER) && $(NPM_CI)
	@touch $@

# The client library that nobody here wrote. Its own dependencies cannot be installed, so it is fetched and unpacked alone.
$(LIBRARY):
	@mkdir -p work/lib-jitsi-meet
	@cd work/lib-jitsi-meet && npm pack --silent @lyno/lib-jitsi-meet@2.6726.2 && tar -xf lyno-lib-jitsi-meet-2.6726.2.tgz
	@touch $@

# A client that nobody here wrote and that is no browser.
$(GST_MEET):
	@cargo install --quiet gst-meet --version 0.5.0 --locked --root work/gst-meet
	@touch $@

# Debian's, unpacked: installed it would start, and serve everybody.
$(PROMETHEUS):
	@mkdir -p work/prometheus
	@cd work/prometheus && { apt-get download -q prometheus || { sudo -n apt-get update -q || apt-get update -q; apt-get download -q prometheus; }; } >apt.log 2>&1 \
		|| { cat apt.log; exit 1; }
	@dpkg-deb -x work/prometheus/prometheus_*.deb work/prometheus && touch $@

# Debian's, unpacked with the libraries that are not on this machine: installed it would start, and serve everybody.
$(JANUS):
	@.ci/unpack janus work/janus && touch $@
