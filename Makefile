# What CI checks and what a developer runs. Every target works on a fresh clone; tools are fetched as Go modules.

LINT_VERSION = v2.15.0
LINT = bin/golangci-lint-$(LINT_VERSION)

.PHONY: all build test check lint race generate bench bench-audit bench-alerting demo fuzz soak compat

all: build

build:
	go build -o vigil .

test:
	go test ./...

race:
	go test -race -timeout 40m ./...

lint: $(LINT)
	$(LINT) run ./...

$(LINT):
	GOBIN=$(CURDIR)/bin GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv bin/golangci-lint $(LINT)

# What must hold before a change is sent.
check: lint
	test -z "$$(gofmt -l .)"
	go vet ./...
	go test -race -timeout 40m ./...

# Lets the original runner record the program over TLS and compares with the recordings: make compat ONLY=01,09i
compat:
	python3 compat/replay.py --only "$(ONLY)"

# Rewrites generated pages from the tables that they describe.
generate:
	go test ./app -run 'TestCompatPage|TestConfigPage' -update

# Measures the figures in docs/performance.md; SHORT=1 ends within a minute.
bench:
	go run ./app/bench $(if $(SHORT),-short)

# Measures what auditing costs, on the same page.
bench-audit:
	go run ./app/bench -suite audit $(if $(SHORT),-short)

# The same for what alerting costs and promises.
bench-alerting:
	go run ./app/bench -suite alerting $(if $(SHORT),-short)

# The long form of the tests that nothing is lost: kills, floods, a bulk of a million. An hour or two: 1,000 kills in random steps took
# half an hour on two cores that were busy with other things.
soak:
	VIGIL_TEST_KILLS=1000 VIGIL_TEST_ROUNDS=1000 go test ./app -count 1 -v -timeout 4h -run 'KilledInRandomSteps|EveryAnsweredRequest'
	VIGIL_TEST_FLOOD=100000 VIGIL_TEST_BULK=1000000 go test ./app -count 1 -v -timeout 4h -run 'FloodsOfFailedLogins|MemoryOfALargeBulk'

demo:
	go run . demo --once

# Fuzzes every parser for a while each: make fuzz FUZZTIME=30s
FUZZTIME ?= 10s
fuzz:
	@for t in $$(grep -rlE '^func Fuzz' --include='*_test.go' .); do \
		for f in $$(grep -oE '^func Fuzz[A-Za-z0-9_]*' $$t | cut -c6-); do \
			echo "fuzz $$f in $$(dirname $$t)"; \
			go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$(dirname $$t) || exit 1; \
		done; \
	done
