# Sourced by scripts/bench.sh. What librdkafka alone can do: consume, produce 4 records an input, commit every 100 ms; no state, no decision.
# shellcheck shell=bash disable=SC2154

part_limit() {
  echo "bench: librdkafka alone"
  broker_up limit-out-0 limit-out-1 limit-out-2 limit-out-3
  "$limit" produce coupon-issue-requests "$N" --policies $POLICIES >/dev/null
  local passed
  COMMIT_MS=100 "$limit" eos coupon-issue-requests "$N" 4 >"$work/limit" &
  contender=$!
  wait "$contender"
  contender=""
  passed=$(sed -n 's|^pass through: .* = \([0-9]*\)/s$|\1|p' "$work/limit")
  kafka/kafka.sh down
  {
    echo "## librdkafka alone"
    echo
    echo "Reads $N requests and passes 4 copies of each on in transactions, a commit every 100 ms: **$(round_rate "$passed") inputs/s**. No state, no decision: a bound for"
    echo "anything built on it."
  } >"$work/page.limit"
}
