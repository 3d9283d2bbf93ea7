# What you can do here; CONTRIBUTING.md says more. A change has to pass .ci/run.
SHELL   := /bin/bash -o pipefail
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
TOOL    := go tool -modfile=tools/go.mod
GOFILES  = $(shell git ls-files -co --exclude-standard '*.go')

.PHONY: demo build test test-fast bench bench-compare lint fmt vuln setup

demo: build ## the server, an example API and an example application; make demo PORT=9000 uses other ports
	@exec ./bin/gatehouse demo $(if $(PORT),--port $(PORT))

build: ## ./bin/gatehouse, static and stripped
	@echo "Building gatehouse. The first time, this takes a minute or two."
	@CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/gatehouse ./cmd/gatehouse

test: setup ## everything: both databases, other people's clients, a real browser
	go vet ./...
	go test -timeout 9m ./...

test-fast: ## while you work: on SQLite; without the command line, the browser, and other people's clients
	go test -short $$(go list ./... | grep -vE '/(e2e|cmd/gatehouse)$$|/internal/bench')

bench: ## what requests cost: Go's benchmarks, then load on both databases beside a minimal server (docs/performance.md)
	go test -run '^$$' -bench . -benchmem $$(git grep -l '^func Benchmark' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's,^,./,')
	go run ./internal/bench/report --connections 16 --duration 1s --rounds 2
	go run ./internal/bench/report --connections 16 --duration 1s --rounds 2 --operations flow,refresh --database postgres

bench-compare: ## Go's benchmarks of BASE=revision and of the working tree, in turns, compared by benchstat
	@scripts/bench-compare $(or $(BASE),HEAD) $(PKG)

lint: ## format, vet, staticcheck, and functions that nothing calls
	@bad=$$($(TOOL) gofumpt -l $(GOFILES)) && { [ -z "$$bad" ] || { echo "run make fmt:" $$bad; exit 1; }; }
	go vet ./... && $(TOOL) staticcheck ./...
	@dead=$$($(TOOL) deadcode -test ./...) && dead=$$(grep -v 'func: Example' <<<"$$dead" || true) && { [ -z "$$dead" ] || { echo "nothing calls:"; echo "$$dead"; exit 1; }; }
fmt:
	@$(TOOL) gofumpt -w $(GOFILES)
vuln: ## known vulnerabilities in what we use; asks vuln.go.dev
	$(TOOL) govulncheck ./...
setup: ## installs what the tests need beside Go
	@scripts/setup
