# Sourced by scripts/bench.sh. The issue route from outside; the load generator shares the machine.
# shellcheck shell=bash disable=SC2154

# rush ARGUMENTS: sets answer (p50 p99 of the answer, ms) and accepted (a second).
rush() {
  "$worker" load coupon-rush --url "http://127.0.0.1:$http" --policy 1 --duplicates 0 "$@" >"$work/rush" 2>&1 || { cat "$work/rush" >&2; return 1; }
  answer=$(awk '$1 == "answer" { print $2 " / " $4 }' "$work/rush")
  accepted=$(awk '$1 == "accepted" { print $3 }' "$work/rush")
}

quiet_rush() {
  rush --users 25000 --rate 5000 --seed $((100 + turn))
}

http_on() {
  rm -rf "$work/holdfast.state"
  launch holdfast "$1"
  wait_for "$work/holdfast.log" "$ready" "$contender"
  curl -sf "http://127.0.0.1:$http/api/coupons/policies" -H 'content-type: application/json' -d '{"policyId":"1","title":"hot","totalQuantity":1000}' >/dev/null
  # The first ones warm up client, broker and worker: slowly, then as fast as it will be.
  rush --users 10000 --rate 2000 --seed 1
  rush --users $((5000 * WARM_UP_SECONDS)) --rate 5000 --seed 4
  [ "$1" = embedded ] || settled quiet_rush
  rush --users $((5000 * SECONDS_EACH)) --rate 5000 --seed 2
  local open=$answer open_accepted=$accepted
  rush --users 100000 --concurrency 128 --seed 3
  stop_contender TERM
  echo "bench: HTTP, $1: at 5000/s $open ms, closed loop $accepted/s"
  echo "| $1 | $open | $open_accepted | $accepted |" >>"$work/https"
}

part_http() {
  : >"$work/https"
  http=$(free_port)
  http_on embedded
  broker_up
  http_on kafka
  kafka/kafka.sh down
  {
    cat <<P
## HTTP

POST /api/coupons/issue, answered 202 when the request is in the log, after $WARM_UP_SECONDS s of the same and, on Kafka, more until the broker's compilers are quiet. Load generator, broker and worker share the machine.

| log | answer at 5,000/s offered, p50 / p99, ms | accepted/s of them | accepted/s, 128 at once |
|---|---|---|---|
P
    cat "$work/https"
  } >"$work/page.http"
}
