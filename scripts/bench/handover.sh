# Sourced by scripts/bench.sh. Places that move in the middle of a sale: what a second worker that comes, stops and dies costs those who wait.
#   HANDOVER_N=1000000      requests decided before
#   HANDOVER_RATE=500       requests a second meanwhile
# shellcheck shell=bash disable=SC2154

HANDOVER_N=${HANDOVER_N:-1000000}
HANDOVER_RATE=${HANDOVER_RATE:-500}
HANDOVER_SECONDS=25

# felt SEED WHAT COMMAND: runs COMMAND while requests come in and adds a row of what they have felt.
felt() {
  local load line count=$((HANDOVER_RATE * HANDOVER_SECONDS)) warm_up=$((HANDOVER_RATE * 3))
  "$limit" latency $OUTCOMES "$count" --warm-up "$warm_up" >"$work/latency" &
  side=$!
  wait_for "$work/latency" 'waiting for' "$side"
  "$limit" produce coupon-issue-requests $((count + warm_up)) --rate "$HANDOVER_RATE" --linger 1 --seed "$1" --policies $POLICIES >"$work/load" &
  load=$!
  # The generator's own beginning takes half a second, and is not what is asked for.
  sleep 3
  "$3"
  wait "$side"
  side=""
  wait "$load"
  line=$(sed -n 's/^latency of [0-9]*: //p' "$work/latency")
  echo "bench: $2: $line"
  awk -v what="$2" '{ for (i = 1; i < NF; i++) if ($i ~ /^(p50|p99|max)$/) seen[$i] = $(i + 1)
    printf "| %s | %s / %s / %s |\n", what, seen["p50"], seen["p99"], seen["max"] }' <<<"$line" >>"$work/moves"
}

comes() {
  : >"$work/other.log"
  settings_on kafka
  # A disk and an address of its own, and no name: it is new to everybody.
  env "${settings[@]}" DATA_DIR="$work/other.state" HTTP_ADDR=127.0.0.1:"$(free_port)" "$worker" run >"$work/other.log" 2>&1 &
  other=$!
  until [ "$(grep -c 'taken over' "$work/other.log")" -ge $((PARTITIONS / 2)) ]; do
    kill -0 "$other" || { tail -20 "$work/other.log" >&2; return 1; }
    sleep 0.05
  done
  warmed=$(sed 's/\x1b\[[0-9;]*m//g' "$work/other.log" | awk '/ restoring task=/ && /ours=false/ { laps++ } END { print laps + 0 }')
  echo "bench: the second worker has its places after $warmed laps of warming up"
}

ends() {
  kill "-$1" "$other"
  wait "$other" 2>/dev/null || true
  other=""
}
stops() { ends TERM; }
dies() { ends 9; }

part_handover() {
  : >"$work/moves"
  rm -rf "$work/holdfast.state" "$work/other.state"
  http=$(free_port)
  broker_up
  "$limit" policies coupon-issue-requests $POLICIES $STOCK >/dev/null
  "$limit" produce coupon-issue-requests "$HANDOVER_N" --policies $POLICIES >/dev/null
  launch holdfast
  "$limit" drain coupon-issue-requests $APP >/dev/null
  # The broker and the reader warm up as well.
  felt 20 "one worker, the broker cold" true
  felt 21 "one worker" true
  felt 22 "a second one comes, its disk empty" comes
  felt 23 "it stops" stops
  felt 24 "it comes back, its disk of some seconds ago" comes
  felt 25 "it is killed (-9), without a name" dies
  stop_contender TERM
  kafka/kafka.sh down
  {
    cat <<P
## Places that move

$HANDOVER_N requests are decided, $HANDOVER_RATE a second come in, and go on coming for $HANDOVER_SECONDS s while a second worker does this. From before the append to the visible outcome,
over all places: the longest is what somebody has waited whose place was on its way.

| what happens | p50 / p99 / max, ms |
|---|---|
P
    cat "$work/moves"
  } >"$work/page.handover"
}
