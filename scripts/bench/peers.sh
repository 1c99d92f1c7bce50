# Sourced by scripts/bench.sh. Drain, latency by rate, memory, restarts: each contender on a broker of its own.
# shellcheck shell=bash disable=SC2154

# latency RATE: sets p50 p90 p99 busy (CPU of the contender and of the broker, % of a core) and late.
latency_at() {
  local at=$1 samples warm_up began load cpu broker_cpu line
  samples=$((at * SECONDS_EACH))
  warm_up=$((at * WARM_UP_SECONDS))
  "$limit" latency $OUTCOMES "$samples" --warm-up "$warm_up" >"$work/latency" &
  side=$!
  wait_for "$work/latency" 'waiting for' "$side"
  "$limit" produce coupon-issue-requests $((samples + warm_up)) --rate "$at" --linger 1 --seed "$((at + 7))" --policies $POLICIES >"$work/load" &
  load=$!
  began=$(now_s) cpu=$(cpu_s "$contender") broker_cpu=$(cpu_s "$broker")
  # A contender that is half a minute behind has not kept up, and says so below.
  wait "$side" || true
  side=""
  busy=$(awk -v c="$(minus "$(cpu_s "$contender")" "$cpu")" -v b="$(minus "$(cpu_s "$broker")" "$broker_cpu")" -v s="$(minus "$(now_s)" "$began")" \
    'BEGIN { printf "%.0f / %.0f", 100 * c / s, 100 * b / s }')
  wait "$load"
  line=$(sed -n 's/^latency of [0-9]*: //p' "$work/latency")
  read -r _ p50 _ p90 _ p99 _ <<<"${line:-p50 - p90 - p99 -}"
  # A generator that could not keep its own pace has measured itself.
  late=""
  if awk -v got="$(sed -n 's|^produce: .* = \([0-9]*\)/s$|\1|p' "$work/load")" -v want="$at" 'BEGIN { exit !(got < 0.98 * want) }'; then
    late=" (void: the load fell behind)"
  fi
  [ -n "$line" ] || late=" (did not keep up)"
  echo "bench: at $at/s: $line$late"
}

quiet_load() {
  "$limit" produce coupon-issue-requests 5000 --rate 1000 --linger 1 --seed $((100 + turn)) --policies $POLICIES >/dev/null
}

compare() {
  local who=$1 cpu broker_cpu drained drain_rate memory clean killed at
  echo "bench: $who"
  broker_up
  "$limit" policies coupon-issue-requests $POLICIES $STOCK >/dev/null
  "$limit" produce coupon-issue-requests "$N" --policies $POLICIES >/dev/null
  launch "$who"
  broker_cpu=$(cpu_s "$broker")
  drained=$("$limit" drain coupon-issue-requests $APP)
  cpu=$(cpu_s "$contender")
  broker_cpu=$(minus "$(cpu_s "$broker")" "$broker_cpu")
  memory="$(memory_mb "$contender" VmRSS) / $(memory_mb "$contender" VmHWM)"
  drain_rate=$(round_rate "$(sed -n 's|^drain: .* = \([0-9]*\)/s$|\1|p' <<<"$drained")")
  echo "bench: $drained"
  settled quiet_load
  for at in $RATES; do
    latency_at "$at"
    echo "| $at | $who | $p50 / $p90 / $p99$late | $busy |" >>"$work/latencies"
    echo "$at $who $p50 $p99" >>"$work/points"
  done
  restarted "$who" TERM
  clean=$seconds
  restarted "$who" 9
  killed=$seconds
  echo "bench: ready again after a clean stop in $clean s, after kill -9 in $killed s"
  echo "| $who | $drain_rate | $(per_million "$cpu" "$N") | $(per_million "$broker_cpu" "$N") | $memory | $clean | $killed |" >>"$work/drains"
  if [ "$who" = holdfast ]; then
    stop_contender 9
    rm -rf "$work/holdfast.state"
    launch holdfast
    wait_for "$work/holdfast.log" "$ready" "$contender"
    # Each task says how many records it read and how long that took; they restore at the same time.
    sed 's/\x1b\[[0-9;]*m//g' "$work/holdfast.log" | awk '/running task=/ {
        match($0, /records=[0-9]+/); n += substr($0, RSTART + 8, RLENGTH - 8)
        match($0, /elapsed_ms=[0-9]+/); ms = substr($0, RSTART + 11, RLENGTH - 11) + 0; if (ms > longest) longest = ms
      } END { printf "Restore from an empty disk: %d changelog records in %.1f s = %d records/s.\n", n, longest / 1000, n * 1000 / (longest ? longest : 1) }' \
      | tee "$work/restore"
  fi
  stop_contender TERM
  kafka/kafka.sh down
}

part_peers() {
  local who
  : >"$work/drains" && : >"$work/latencies" && : >"$work/points"
  for who in $CONTENDERS; do compare "$who"; done
  {
    cat <<P
## A backlog, and what is left after it

$N requests for $POLICIES policies of $STOCK coupons wait in the log. Counted are committed positions, from the first commit that is seen to the last; CPU
includes the contender's start.

| contender | drain, requests/s | its CPU, s per million | broker's CPU, s per million | memory after / at most, MB | clean restart, s | ready after kill -9, s |
|---|---|---|---|---|---|---|
P
    cat "$work/drains"
    [ ! -f "$work/restore" ] || printf '\n%s\n' "$(cat "$work/restore")"
    cat <<P

## From append to visible outcome

From before a request is appended until its outcome is read by a read_committed reader, at a fixed rate for $SECONDS_EACH s after $WARM_UP_SECONDS s to warm up. Before that
1000 requests a second pass until the compilers of the JVMs that take part, broker and contender, are quiet (less than a tenth of a core for 5 s; at most 2 minutes).

| requests/s | contender | p50 / p90 / p99, ms | CPU of contender / broker, % of a core |
|---|---|---|---|
P
    sort -s -t '|' -k 2,2n "$work/latencies"
    plot
  } >"$work/page.peers"
}

# p99 by rate, a line for each contender, as far as all of them kept up.
plot() {
  local who kept
  kept=$(awk '$4 == "-" { lost[$1] = 1 } { seen[$1] = 1 } END { for (rate in seen) if (!lost[rate]) print rate }' "$work/points" | sort -n | paste -sd ' ')
  printf '\n```mermaid\nxychart-beta\n  title "p99, ms, by requests a second (lines in this order: %s)"\n  x-axis [%s]\n  y-axis "ms"\n' \
    "$CONTENDERS" "${kept// /, }"
  for who in $CONTENDERS; do
    printf '  line [%s]\n' "$(awk -v w="$who" -v kept=" $kept " '$2 == w && index(kept, " " $1 " ") { printf "%s%s", sep, $4; sep = ", " }' "$work/points")"
  done
  printf '```\n'
}
