#!/usr/bin/env bash
# Every test that needs no Docker, with one real broker beside them: HOLDFAST_TEST_BROKERS names it.
# Arguments go to cargo test; HOLDFAST_TEST_BROKERS set = no broker is started, that one is used.
set -euo pipefail
cd "$(dirname "$0")/.."

# Compiled first, so that the broker does not idle through it.
cargo test --release --workspace --locked --no-run "$@"

if [ -n "${HOLDFAST_TEST_BROKERS:-}" ]; then
  exec cargo test --release --workspace --locked "$@"
fi

mkdir -p .kafka
# A run that was killed with -9 could not tidy up behind itself.
for left in .kafka/test.*; do
  if [ -d "$left" ] && ! kill -0 "${left##*.}" 2>/dev/null; then
    KAFKA_HOME_DIR=$left kafka/kafka.sh down
    rm -rf "$left"
  fi
done

export KAFKA_HOME_DIR=$PWD/.kafka/test.$$ KAFKA_PORT_BASE=auto
finish() {
  local status=$?
  trap - EXIT
  kafka/kafka.sh down
  if [ "$status" = 0 ]; then
    rm -rf "$KAFKA_HOME_DIR"
  else
    echo "test: failed; the broker's log: $KAFKA_HOME_DIR/1.log" >&2
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
kafka/kafka.sh up 1
brokers=$(kafka/kafka.sh brokers)
# Tests that break brokers start their own: they must not inherit where ours lives.
env -u KAFKA_HOME_DIR -u KAFKA_PORT_BASE HOLDFAST_TEST_BROKERS="$brokers" cargo test --release --workspace --locked "$@"
