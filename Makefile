# What there is to do here. CONTRIBUTING.md says more; .ci/run is what a merge has to pass.
SHELL   := /bin/bash -o pipefail
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
TOOL    := go tool -modfile=tools/go.mod
GOFILES  = $(shell git ls-files -co --exclude-standard '*.go')

.PHONY: demo build test bench lint fmt vuln setup

demo: build ## everything on one screen; make demo PORT=9000 moves it
	@exec ./bin/gatehouse demo $(if $(PORT),--port $(PORT))

build: ## ./bin/gatehouse, static and stripped
	@echo "Building gatehouse. The first time, this takes a minute or two."
	@CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/gatehouse ./cmd/gatehouse

test: setup ## everything: both databases, strangers' clients, a real browser
	go vet ./...
	go test -timeout 9m ./...

bench: ## what requests cost: in Go's benchmarks, then as a whole beside the floor, on both databases (docs/performance.md)
	go test -run '^$$' -bench . -benchmem $$(git grep -l '^func Benchmark' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's,^,./,')
	go run ./internal/bench/report --connections 16 --duration 1s --rounds 2
	go run ./internal/bench/report --connections 16 --duration 1s --rounds 2 --operations flow,refresh --database postgres

lint: ## format, vet, staticcheck, and functions that nothing calls
	@bad=$$($(TOOL) gofumpt -l $(GOFILES)) && { [ -z "$$bad" ] || { echo "run make fmt:" $$bad; exit 1; }; }
	go vet ./...
	$(TOOL) staticcheck ./...
	@dead=$$($(TOOL) deadcode -test ./...) && dead=$$(grep -v 'func: Example' <<<"$$dead" || true) && { [ -z "$$dead" ] || { echo "nothing calls:"; echo "$$dead"; exit 1; }; }

fmt:
	@$(TOOL) gofumpt -w $(GOFILES)

vuln: ## known holes in what we build on; asks vuln.go.dev
	$(TOOL) govulncheck ./...

setup: ## what the tests need beside Go
	@scripts/setup
