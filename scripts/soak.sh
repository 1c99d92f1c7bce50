#!/usr/bin/env bash
# 500 buyers beside 4,500 slow and idle connections, on the embedded log: what it costs, and that nothing accepted is lost. SECONDS_EACH: how long each half takes.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked -p stream-worker --bin stream-worker --example crowd
bin=${CARGO_TARGET_DIR:-target}/release
data=$(mktemp -d)
DATA_DIR=$data HTTP_ADDR=127.0.0.1:0 "$bin/stream-worker" run >"$data/out" 2>&1 &
worker=$!
finish() {
  local status=$?
  trap - EXIT
  kill "$worker" 2>/dev/null && wait "$worker" || echo "soak: the worker did not end as asked" >&2
  if [ "$status" = 0 ]; then rm -rf "$data"; else echo "soak: failed; what the worker wrote: $data/out" >&2; fi
  exit "$status"
}
trap finish EXIT
until url=$(sed -n 's/^stream-worker ready http=\([^ ]*\).*/\1/p' "$data/out" | head -1) && [ -n "$url" ]; do
  kill -0 "$worker"
  sleep 0.1
done
# Each of the 5,000 connections has two ends.
ulimit -n "$(ulimit -Hn)"
"$bin/examples/crowd" "http://$url" "$worker" "${SECONDS_EACH:-30}"
