#!/usr/bin/env bash
# Side by side on this machine, in one run: our worker and the same coupon topology on Kafka Streams (peers/kafka-streams).
# Each gets a broker of its own, freshly formatted, with the same topics and the same requests. Writes docs/benchmarks.md.
#   N=500000        requests in the backlog that is drained (2000000 for the long run)
#   RATE=1000       requests a second while latency is measured, over SAMPLES=10000 outcomes
#   CONTENDERS      which of: kafka-streams kafka-streams-10ms holdfast
#   OUT             where the page is written (docs/benchmarks.md)
#   KEEP=1          keep the contenders' logs and state
set -euo pipefail
cd "$(dirname "$0")/.."

N=${N:-500000}
RATE=${RATE:-1000}
SAMPLES=${SAMPLES:-10000}
WARM_UP=${WARM_UP:-3000}
PARTITIONS=4
POLICIES=1000
STOCK=1000
CONTENDERS=${CONTENDERS:-kafka-streams kafka-streams-10ms holdfast}
OUT=${OUT:-docs/benchmarks.md}
APP=bench
OUTCOMES=coupon-issue-success,coupon-issue-failures
cache=$HOME/.cache/holdfast

mkdir -p .kafka
work=$(mktemp -d .kafka/bench.XXXXXX)
work=$PWD/$work
export KAFKA_HOME_DIR=$work/kafka KAFKA_PORT_BASE=auto KAFKA_HEAP=${KAFKA_HEAP:-1g}
contender=""
side=""

finish() {
  local status=$?
  trap - EXIT
  [ -z "$contender" ] || kill -9 "$contender" 2>/dev/null || true
  [ -z "$side" ] || kill "$side" 2>/dev/null || true
  kafka/kafka.sh down
  if [ "$status" != 0 ]; then echo "bench: failed" >&2; fi
  if [ "$status" = 0 ] && [ -z "${KEEP:-}" ]; then rm -rf "$work"; else echo "bench: logs are in $work" >&2; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- what is measured with what

echo "bench: building"
scripts/setup.sh bench
cargo build --release --locked --manifest-path peers/rdkafka-limit/Cargo.toml --target-dir "$cache/peers-target" --quiet
limit=$cache/peers-target/release/rdkafka-limit
case " $CONTENDERS " in *" kafka-streams"*)
  mvn -q -B -f peers/kafka-streams/pom.xml package dependency:copy-dependencies >"$work/mvn.log" 2>&1 || { tail -20 "$work/mvn.log" >&2; exit 1; } ;;
esac
worker=${CARGO_TARGET_DIR:-target}/release/stream-worker
case " $CONTENDERS " in *" holdfast "*) cargo build --release --locked --bin stream-worker ;; esac

# ---- measuring

# Somebody else's work on the machine would be measured too. The build above is a minute old in the load average, so it is looked at what runs now.
busy=$(awk '{ split($4, run, "/"); print run[1] - 1 }' /proc/loadavg)
before=$(cut -d ' ' -f 1 /proc/loadavg)
[ "$busy" -le 0 ] || echo "bench: $busy other processes want the CPU now: figures will be worse than this machine can do" >&2

# CPU seconds that process $1 has used. Its name stands in brackets and may hold blanks, so the fields are counted after it.
cpu_s() { sed 's/.*) //' "/proc/$1/stat" | awk -v hz="$(getconf CLK_TCK)" '{ printf "%.2f", ($12 + $13) / hz }'; }
peak_mb() { awk '/^VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$1/status"; }
now_s() { date +%s.%N; }
minus() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a - b }'; }
per_million() { awk -v s="$1" -v n="$2" 'BEGIN { printf "%.1f", s * 1e6 / n }'; }
# A rate to three digits: the fourth is noise.
round_rate() { awk -v x="$1" 'BEGIN { p = 10 ^ (length(int(x)) - 3); if (p < 1) p = 1; printf "%d", int(x / p + 0.5) * p }'; }

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

# Waits until a line like $2 stands in file $1, while process $3 lives.
wait_for() {
  local deadline=$((SECONDS + 300))
  until grep -q "$2" "$1" 2>/dev/null; do
    kill -0 "$3" 2>/dev/null || { tail -20 "$1" >&2; return 1; }
    [ "$SECONDS" -lt "$deadline" ] || { echo "bench: no '$2' in $1 after 300 s" >&2; return 1; }
    sleep 0.02
  done
}

launch() {
  case "$1" in
    kafka-streams*)
      local commit=()
      [ "$1" = kafka-streams ] || commit=(-Dcommit=10)
      java -Xmx1g -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dbootstrap="$BOOTSTRAP" -Dapp=$APP -Dstate="$work/$1.state" \
        -Dthreads=2 -Dstock=$STOCK "${commit[@]}" -cp 'peers/kafka-streams/target/classes:peers/kafka-streams/target/dependency/*' \
        holdfast.peer.Coupon >"$work/$1.log" 2>&1 &
      ready='peer RUNNING' ;;
    holdfast)
      KAFKA_BROKERS=$BOOTSTRAP PARTITIONS=$PARTITIONS APP_ID=$APP WORKER_ID=bench DATA_DIR=$work/$1.state HTTP_ADDR=127.0.0.1:$http \
        "$worker" run >"$work/$1.log" 2>&1 &
      ready='stream-worker ready' ;;
    *) echo "bench: who is $1?" >&2; return 1 ;;
  esac
  contender=$!
}

stop_contender() {
  kill "-$1" "$contender" 2>/dev/null || true
  wait "$contender" 2>/dev/null || true
  contender=""
}

# Prints nothing; adds a line to $work/rows.
measure() {
  local who=$1 broker cpu broker_cpu drained rate cpu_after latency restart began
  echo "bench: $who"
  kafka/kafka.sh up 1
  BOOTSTRAP=$(kafka/kafka.sh brokers)
  export BOOTSTRAP
  broker=$(cat "$KAFKA_HOME_DIR/1.pid")
  http=$(free_port)
  for topic in coupon-issue-requests coupon-issue-success coupon-issue-failures coupon-issue-dlq notification.request; do
    kafka/kafka.sh topics --create --topic "$topic" --partitions $PARTITIONS --config message.timestamp.type=LogAppendTime >/dev/null &
  done
  wait
  "$limit" policies coupon-issue-requests $POLICIES $STOCK >/dev/null
  "$limit" produce coupon-issue-requests "$N" --policies $POLICIES >/dev/null

  launch "$who"
  broker_cpu=$(cpu_s "$broker")
  drained=$("$limit" drain coupon-issue-requests $APP)
  cpu=$(cpu_s "$contender")
  broker_cpu=$(minus "$(cpu_s "$broker")" "$broker_cpu")
  echo "$drained"
  rate=$(round_rate "$(sed -n 's|^drain: .* = \([0-9]*\)/s$|\1|p' <<<"$drained")")

  "$limit" latency $OUTCOMES "$SAMPLES" --warm-up "$WARM_UP" >"$work/latency" &
  side=$!
  wait_for "$work/latency" 'waiting for' "$side"
  "$limit" produce coupon-issue-requests $((SAMPLES + WARM_UP)) --rate "$RATE" --linger 1 --seed 7 --policies $POLICIES >"$work/load" &
  local load=$!
  began=$(now_s)
  cpu_after=$(cpu_s "$contender")
  wait "$side"
  side=""
  cpu_after=$(minus "$(cpu_s "$contender")" "$cpu_after")
  cpu_after=$(awk -v c="$cpu_after" -v s="$(minus "$(now_s)" "$began")" 'BEGIN { printf "%.0f", 100 * c / s }')
  wait "$load"
  latency=$(sed -n 's/^latency of [0-9]*: //p' "$work/latency")
  echo "$latency"
  # A generator that could not keep its own pace has measured itself.
  local late=""
  if awk -v got="$(sed -n 's|^produce: .* = \([0-9]*\)/s$|\1|p' "$work/load")" -v want="$RATE" 'BEGIN { exit !(got < 0.98 * want) }'; then
    late=" (void: the load fell behind)"
    echo "bench: $(cat "$work/load"), $RATE were wanted: these latencies mean nothing" >&2
  fi
  local memory
  memory=$(peak_mb "$contender")

  stop_contender 9
  mv "$work/$who.log" "$work/$who.log.before"
  began=$(now_s)
  launch "$who"
  wait_for "$work/$who.log" "$ready" "$contender"
  restart=$(minus "$(now_s)" "$began")
  echo "ready again ${restart} s after kill -9"
  stop_contender TERM
  kafka/kafka.sh down
  # p50 A p90 B p99 C …
  read -r _ p50 _ p90 _ p99 _ <<<"$latency"
  echo "| $who | $rate | $(per_million "$cpu" "$N") | $(per_million "$broker_cpu" "$N") | $p50 / $p90 / $p99$late | $cpu_after | $memory | $restart |" >>"$work/rows"
}

: >"$work/rows"
for who in $CONTENDERS; do measure "$who"; done

# ---- the page

{
  cat <<P
# Benchmarks

Written by \`make bench\` (scripts/bench.sh) on $(date -u +%Y-%m-%d). Broker, load and contender share one machine, so figures of another machine
cannot be compared with these; the ratio within the table can.

| contender | drain, requests/s | its CPU, s per million | broker's CPU, s per million | latency at $RATE/s: p50 / p90 / p99, ms | its CPU at $RATE/s, % of a core | peak memory, MB | ready after kill -9, s |
|---|---|---|---|---|---|---|---|
P
  cat "$work/rows"
  cat <<P

- **holdfast** is this worker. **kafka-streams** is peers/kafka-streams: the same topology, exactly_once_v2, 2 threads, commit interval at its default
  (100 ms); **kafka-streams-10ms** is the same with commit.interval.ms=10.
- *Drain*: $N requests for $POLICIES policies of $STOCK coupons wait in the log; counted are committed positions, from the first commit that is seen to
  the last. CPU includes the contender's start.
- *Latency*: from before a request is appended until its outcome is read by a read_committed reader, $SAMPLES outcomes after $WARM_UP to warm up.
- *Ready after kill -9*: from starting the process again until it says that it runs, with its local state still there.

| machine | |
|---|---|
| CPU | $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores |
| memory | $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo) |
| load average before, other runnable processes | $before, $busy |
| system | $(sed -n "s/^PRETTY_NAME=\"\(.*\)\"/\1/p" /etc/os-release), Linux $(uname -r) |
| Kafka | $(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' kafka/pom.xml), one KRaft broker, heap $KAFKA_HEAP, replication 1, $PARTITIONS partitions |
| Kafka Streams | $(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' peers/kafka-streams/pom.xml) on $(java -version 2>&1 | sed -n '1s/ version//;1s/"//g;1p') |
| worker | $(git describe --always --dirty 2>/dev/null || echo "not committed"), $(rustc --version) |

Again: \`N=$N RATE=$RATE make bench\`
P
} >"$work/page"
mv "$work/page" "$OUT"
echo "bench: written to $OUT"
