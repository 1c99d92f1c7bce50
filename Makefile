# One profile, --release, for run, test and bench: RocksDB and librdkafka are compiled once. CARGO_TARGET_DIR is respected.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test sim browser check deploy-check fmt deny tidy kafka-up kafka-down bench soak setup clean

KAFKA_COMPOSE := docker compose -f docker-compose.kafka.yml
# make run ARGS="--http-addr 127.0.0.1:3001"
ARGS ?=

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## install what is missing, build, run the worker with sample data at http://127.0.0.1:3000
	@scripts/setup.sh build
	cargo run --release --locked --bin stream-worker -- run --sample $(ARGS)

test: ## install what is missing, then every test that needs no Docker, on a real broker from Maven's jars
	@scripts/setup.sh test
	@scripts/test.sh

sim: ## seeded histories of everything that can go wrong (SEEDS=1000 for more, SEED=42 for one, TRACE=1 to see it, ONLY=shop for a part)
	@cargo build --release --locked -p stream-worker -p holdfast-topologies --example sim
	@$${CARGO_TARGET_DIR:-target}/release/examples/sim $(foreach word,SEED SEEDS FROM ONLY TRACE STEPS RECORDS WORKERS PLACES WINDOW FAULTS MUTANT DISK,$(if $($(word)),$(word)=$($(word))))

browser: ## both pages in a headless Chromium: axe, and a whole sale by hand (needs node and chromium; pictures in target/browser)
	@scripts/browser.sh

check: ## formatting, clippy, dependencies, house rules
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	@scripts/deny.sh
	cargo test --release --locked -p stream-worker --test tidy

deploy-check: ## rules, alerts, dashboard, Kubernetes and compose files, with promtool, kubeconform and the like (no cluster, no Docker)
	@scripts/deploy-check.sh

fmt: ## format everything
	cargo fmt --all

kafka-up: ## three brokers on 9092, 9093, 9094: in Docker where it runs, else from Maven's jars
	@if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then \
		$(KAFKA_COMPOSE) up -d --wait; \
	else \
		scripts/setup.sh test && kafka/kafka.sh up 3; \
	fi

kafka-down: ## stop them and delete their data
	@if [ -d .kafka ]; then kafka/kafka.sh down; fi
	@if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then $(KAFKA_COMPOSE) down --volumes; fi

bench: ## side by side with Kafka Streams on one broker; writes docs/benchmarks.md (N=2000000 for the long run)
	@scripts/bench.sh

soak: ## 500 buyers beside 4,500 slow and idle connections: nothing accepted is lost, and the buyers hardly notice (SECONDS_EACH=30)
	@scripts/soak.sh

setup: ## install what is missing for all of the above
	@scripts/setup.sh test

clean: ## build output, data, brokers
	@if [ -d .kafka ]; then kafka/kafka.sh down; fi
	cargo clean
	rm -rf .kafka data
