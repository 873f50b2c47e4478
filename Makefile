# Building, testing and measuring probe. `make` alone lists the targets.
#
# Variables: PROBE_KERNELS picks the kernels of the guests ("6.1 6.12", all,
# none), PROBE_CACHE names the folder for kernels (.cache), PROBE_REQUIRE=guest
# makes guests that cannot run a failure instead of a skip.

GO       ?= go
GUESTCTL := $(GO) run ./internal/guest/cmd/guestctl
GOTEST   := $(GO) run ./internal/guest/cmd/gotest
GOFILES  := find . -name .cache -prune -o -name '*.go' -print
FUZZTIME ?= 60s
# The limit for the tests of one package. Guests are emulated: minutes are
# normal there, an hour is not, except in the soak of test-all.
TIMEOUT  ?= 45m
# All packages, those with the longest tests first: packages are tested in this
# order, so that none of them is left to run alone at the end.
PACKAGES := ./test/soak ./test/graph ./test/accept ./test/lab ./test/scripts ./cmd/probe ./test/docs ./internal/guest ./runtime/lab ./...

# The folders that install writes to.
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR  ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
PROBE   ?= bin/probe

.DEFAULT_GOAL := help
.PHONY: help build sbom dist test test-all guests fuzz demo bench docs check install uninstall fmt clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the static program bin/probe and print its size
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w' -o bin/probe ./cmd/probe
	@printf 'bin/probe: %s bytes\n' "$$(wc -c < bin/probe)"

sbom: build ## write bin/probe.cdx.json, what is in the program (CycloneDX)
	$(GO) run ./internal/supply -sbom bin/probe > bin/probe.cdx.json

dist: ## build programs and packages for amd64 and arm64 in bin/dist
	@GO="$(GO)" internal/dist/build.sh bin/dist

test: export PROBE_KERNELS ?= 6.1 6.12
test: guests ## unit tests, and tests in guests with kernels 6.1 and 6.12
	$(GOTEST) -timeout $(TIMEOUT) $(PACKAGES)

test-all: export PROBE_KERNELS ?= 5.10 6.1 6.12 7.2
test-all: export PROBE_SCRIPTS ?= 3000
test-all: export PROBE_MATRIX ?= all
test-all: export PROBE_SOAK ?= 1h
test-all: export PROBE_ARM64 ?= 1
test-all: TIMEOUT = 100m
test-all: check guests ## as test with all kernels and the race detector, then a minute of fuzzing for each target
	$(GOTEST) -race -timeout $(TIMEOUT) $(PACKAGES)
	@$(MAKE) --no-print-directory fuzz

# Without root, QEMU or network this reports what is missing, and the tests that
# need guests are skipped.
guests: ## install QEMU if possible and fetch the kernels
	@$(GUESTCTL) prepare $(PROBE_KERNELS)

fuzz: ## run each fuzz target for FUZZTIME
	@set -e; $(GO) list -f '{{.ImportPath}} {{.Dir}}' ./... | while read -r pkg dir; do \
		cat "$$dir"/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' | while read -r f; do \
			echo "$$pkg $$f"; \
			$(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) "$$pkg"; \
		done; \
	done

demo: ## show the main job: sockets that lose their route, in four cases
	@echo 'demo: build probe and the starter of the demonstration (some minutes the first time)'
	@$(MAKE) --no-print-directory build
	@$(GUESTCTL) demo bin/probe lab route-loss --case all

bench: build ## measure speed and write the tables of docs/performance.md
	$(GO) run ./test/bench

docs: ## write the generated parts of docs/
	$(GO) run ./cmd/probe __pages .
	$(GO) run ./test/docs/gen

# The reports of the tools, the cheapest first. govulncheck needs its
# database, which is on the network: without it a line reports that.
check: ## format, vet, staticcheck, go.mod, generated files, dead code, licences, known vulnerabilities
	@unformatted=$$($(GOFILES) | xargs gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	$(GO) mod tidy -diff
	$(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) run ./test/docs/gen -check
	$(GO) run ./internal/deadcode
	$(GO) run ./internal/supply
	@out=$$($(GO) tool govulncheck ./cmd/... 2>&1) || case "$$out" in \
	*'fetching vulnerabilities'*) echo 'govulncheck: the database of vulnerabilities cannot be reached: not checked' ;; \
	*) echo "$$out"; exit 1 ;; \
	esac

fmt: ## format the Go files
	$(GOFILES) | xargs gofmt -w

# DESTDIR is prepended to every path, for packages.
install: ## install the program, its manual pages and completions below PREFIX
	@test -x $(PROBE) || $(MAKE) --no-print-directory build
	install -D -m 755 $(PROBE) $(DESTDIR)$(BINDIR)/probe
	install -d $(DESTDIR)$(MANDIR)/man1
	install -m 644 docs/man/*.1 $(DESTDIR)$(MANDIR)/man1
	install -d $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR)
	sed 's/NAME/probe/g' cmd/front/cli/shell/bash > $(DESTDIR)$(BASHDIR)/probe
	sed 's/NAME/probe/g' cmd/front/cli/shell/zsh > $(DESTDIR)$(ZSHDIR)/_probe
	sed 's/NAME/probe/g' cmd/front/cli/shell/fish > $(DESTDIR)$(FISHDIR)/probe.fish

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(BINDIR)/probe $(addprefix $(DESTDIR)$(MANDIR)/man1/,$(notdir $(wildcard docs/man/*.1)))
	rm -f $(DESTDIR)$(BASHDIR)/probe $(DESTDIR)$(ZSHDIR)/_probe $(DESTDIR)$(FISHDIR)/probe.fish

clean: ## remove what was built
	rm -rf bin .cache/bin .cache/tmp

distclean: clean ## remove the downloaded kernels and packages as well
	rm -rf .cache
