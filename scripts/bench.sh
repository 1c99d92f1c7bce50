#!/usr/bin/env bash
# Side by side on this machine, in one run: our worker, the same coupon topology on Kafka Streams (peers/kafka-streams), librdkafka alone
# (peers/rdkafka-limit), and the locks of V1 and V2 (peers/locks). Each contender gets a broker of its own, freshly formatted, with the same topics and
# the same requests. Writes docs/benchmarks.md.
#   PARTS             which of: peers limit hot http seats money pending handover locks (scripts/bench/)
#   N=500000          requests in the backlog that is drained (2000000 for the long run)
#   RATES             requests a second at which latency is measured (1000 5000 20000), SECONDS_EACH=10 after WARM_UP_SECONDS=20
#   BROKER_WARM_SECONDS=60  how long a broker works before anything is measured on it; 0: it comes as it is
#   CONTENDERS        which of: kafka-streams kafka-streams-10ms holdfast
#   HOT_N=300000      requests for the one hot policy
#   OUT               where the page is written (docs/benchmarks.md)
#   KEEP=1            keep the contenders' logs and state
set -euo pipefail
cd "$(dirname "$0")/.."

PARTS=${PARTS:-peers limit hot http seats money pending handover locks}
N=${N:-500000}
RATES=${RATES:-1000 5000 20000}
SECONDS_EACH=${SECONDS_EACH:-10}
WARM_UP_SECONDS=${WARM_UP_SECONDS:-20}
HOT_N=${HOT_N:-300000}
BROKER_WARM_SECONDS=${BROKER_WARM_SECONDS:-60}
PARTITIONS=4
POLICIES=1000
STOCK=1000
CONTENDERS=${CONTENDERS:-kafka-streams kafka-streams-10ms holdfast}
OUT=${OUT:-docs/benchmarks.md}
APP=bench
OUTCOMES=coupon-issue-success,coupon-issue-failures
export SECONDS_EACH
cache=$HOME/.cache/holdfast

for part in $PARTS; do
  [ -f "scripts/bench/$part.sh" ] || { echo "bench: there is no part $part" >&2; exit 1; }
done
asked_for() { case " $PARTS " in *" $1 "*) ;; *) return 1 ;; esac; }

mkdir -p .kafka
work=$(mktemp -d .kafka/bench.XXXXXX)
work=$PWD/$work
export KAFKA_HOME_DIR=$work/kafka KAFKA_PORT_BASE=auto KAFKA_HEAP=${KAFKA_HEAP:-1g}
for file in common $PARTS; do
  # shellcheck disable=SC1090
  . "scripts/bench/$file.sh"
done

finish() {
  local status=$?
  trap - EXIT
  [ -z "$contender" ] || kill -9 "$contender" 2>/dev/null || true
  [ -z "$side" ] || kill "$side" 2>/dev/null || true
  [ -z "$other" ] || kill -9 "$other" 2>/dev/null || true
  kafka/kafka.sh down
  if [ "$status" != 0 ]; then echo "bench: failed" >&2; fi
  if [ "$status" = 0 ] && [ -z "${KEEP:-}" ]; then rm -rf "$work"; else echo "bench: logs are in $work" >&2; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "bench: building"
scripts/setup.sh bench
cargo build --release --locked --manifest-path peers/rdkafka-limit/Cargo.toml --target-dir "$cache/peers-target" --quiet
limit=$cache/peers-target/release/rdkafka-limit
if asked_for peers; then
  case " $CONTENDERS " in *" kafka-streams"*)
    mvn -q -B -f peers/kafka-streams/pom.xml package dependency:copy-dependencies >"$work/mvn.log" 2>&1 || { tail -20 "$work/mvn.log" >&2; exit 1; } ;;
  esac
fi
worker=${CARGO_TARGET_DIR:-target}/release/stream-worker
cargo build --release --locked --bin stream-worker

# Somebody else's work on the machine would be measured too. The build above is a minute old in the load average, so it is looked at what runs now.
busy_with=$(awk '{ split($4, run, "/"); print run[1] - 1 }' /proc/loadavg)
before=$(cut -d ' ' -f 1 /proc/loadavg)
[ "$busy_with" -le 0 ] || echo "bench: $busy_with other processes want the CPU now: figures will be worse than this machine can do" >&2

for part in $PARTS; do "part_$part"; done

{
  cat <<P
# Benchmarks

Written by \`make bench\` (scripts/bench.sh) on $(date -u +%Y-%m-%d). Brokers, load and contenders share one machine, so figures of another machine
cannot be compared with these; the ratios within a table can. **holdfast** is this worker; **kafka-streams** is peers/kafka-streams, the same topology
with exactly_once_v2 on 2 threads at its default commit interval (100 ms); **kafka-streams-10ms** is the same with commit.interval.ms=10. Each broker is new and has passed on 1000 records a second in small transactions of librdkafka's for $BROKER_WARM_SECONDS s before anything is
measured on it.

P
  for part in $PARTS; do
    cat "$work/page.$part"
    echo
  done
  [ ! -f docs/benchmarks.notes.md ] || { cat docs/benchmarks.notes.md; echo; }
  cat <<P
## Where

| machine | |
|---|---|
| CPU | $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores |
| memory | $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo) |
| load average before, other runnable processes | $before, $busy_with |
| system | $(sed -n "s/^PRETTY_NAME=\"\(.*\)\"/\1/p" /etc/os-release), Linux $(uname -r) |
| Kafka | $(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' kafka/pom.xml), one KRaft broker, heap $KAFKA_HEAP, replication 1, $PARTITIONS partitions |
| Kafka Streams | $(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' peers/kafka-streams/pom.xml) on $(java -version 2>&1 | sed -n '1s/ version//;1s/"//g;1p') |
| worker | $(git describe --always --dirty 2>/dev/null || echo "not committed"), $(rustc --version) |

Again: \`PARTS="$PARTS" N=$N RATES="$RATES" make bench\`
P
} >"$work/page"
mv "$work/page" "$OUT"
echo "bench: written to $OUT"
