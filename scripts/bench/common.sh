# Sourced by scripts/bench.sh: what every part of the benchmark uses.
# Set before: work (a directory), worker, limit (binaries), PARTITIONS, APP. Kept here: contender, side, other (processes to end), ready (their line), turn.
# worker_env, worker_args: more for our worker, its settings and what stands after `run`.
# shellcheck shell=bash disable=SC2034

contender=""
side=""
other=""
worker_env=()
worker_args=()
turn=0

# CPU seconds that process $1 has used. Its name stands in brackets and may hold blanks, so the fields are counted after it.
cpu_s() { sed 's/.*) //' "/proc/$1/stat" | awk -v hz="$(getconf CLK_TCK)" '{ printf "%.2f", ($12 + $13) / hz }'; }
# Memory of process $1 in MB: VmRSS = now, VmHWM = at most.
memory_mb() { awk -v what="^$2" '$0 ~ what { printf "%.0f", $2 / 1024 }' "/proc/$1/status"; }
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

# A broker at work for a while: a JVM that has compiled nothing yet answers ten times later than it does in production, and whoever comes first or drains
# fastest would be measured on the coldest. Small transactions of librdkafka's, beside the contender's topics, the same for each of them.
broker_warm() {
  local topic count=$((1000 * BROKER_WARM_SECONDS)) making=() passing
  [ "$count" -gt 0 ] || return 0
  for topic in warm-requests limit-out-0 limit-out-1 limit-out-2 limit-out-3; do
    kafka/kafka.sh topics --create --if-not-exists --topic "$topic" --partitions "$PARTITIONS" --config message.timestamp.type=LogAppendTime >/dev/null &
    making+=($!)
  done
  wait "${making[@]}"
  "$limit" eos warm-requests "$count" 4 --commit-ms 10 >/dev/null &
  passing=$!
  "$limit" produce warm-requests "$count" --rate 1000 --linger 1 >/dev/null
  wait "$passing"
}

# CPU seconds that the compilers of broker and contender have used, as far as these are JVMs.
compiling_s() {
  # Threads come and go while they are read.
  { cat /proc/"$broker"/task/*/stat /proc/"$contender"/task/*/stat 2>/dev/null || true; } \
    | sed -n 's/.*(C[12] Compiler[^)]*) //p' | awk -v hz="$(getconf CLK_TCK)" '{ s += $12 + $13 } END { printf "%.2f", s / hz }'
}

# settled COMMAND…: does it, some seconds of load, until the compilers take less than a tenth of a core meanwhile, at most 24 times; `turn` counts. Whoever
# drains fastest has the youngest broker, and would be measured on what is compiled least.
settled() {
  local began before took
  began=$(now_s)
  for turn in {1..24}; do
    before=$(compiling_s) took=$(now_s)
    "$@"
    took=$(minus "$(now_s)" "$took")
    if awk -v c="$(minus "$(compiling_s)" "$before")" -v s="$took" 'BEGIN { exit !(c < s / 10) }'; then break; fi
  done
  echo "bench: settled after $turn turns, $(minus "$(now_s)" "$began") s"
}

broker_up() {
  kafka/kafka.sh up 1
  BOOTSTRAP=$(kafka/kafka.sh brokers)
  export BOOTSTRAP
  broker=$(cat "$KAFKA_HOME_DIR/1.pid")
  http=$(free_port)
  local topic making=()
  for topic in coupon-issue-requests coupon-issue-success coupon-issue-failures coupon-issue-dlq notification.request "$@"; do
    kafka/kafka.sh topics --create --topic "$topic" --partitions "$PARTITIONS" --config message.timestamp.type=LogAppendTime >/dev/null &
    making+=($!)
  done
  wait "${making[@]}"
  broker_warm
}

# settings_on LOG: sets settings to where our worker and its verbs find log and state.
settings_on() {
  settings=(PARTITIONS="$PARTITIONS" APP_ID="$APP" DATA_DIR="$work/holdfast.state")
  [ "$1" = embedded ] || settings+=(KAFKA_BROKERS="$BOOTSTRAP")
}

# verb LOG ARGUMENTS: runs a verb of the worker; what it says goes to $work/said.
verb() {
  settings_on "$1"
  env "${settings[@]}" "$worker" "${@:2}" >"$work/said" 2>&1 || { cat "$work/said" >&2; return 1; }
}

# launch WHO [on the log kafka|embedded]: starts a contender in the background.
launch() {
  # Before the process is there that would do it: what an earlier one has said must not be taken for ready.
  : >"$work/$1.log"
  case "$1" in
    kafka-streams*)
      local commit=()
      [ "$1" = kafka-streams ] || commit=(-Dcommit=10)
      java -Xmx1g -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dbootstrap="$BOOTSTRAP" -Dapp=$APP -Dstate="$work/$1.state" \
        -Dthreads=2 -Dstock=$STOCK "${commit[@]}" -cp 'peers/kafka-streams/target/classes:peers/kafka-streams/target/dependency/*' \
        holdfast.peer.Coupon >"$work/$1.log" 2>&1 &
      ready='peer RUNNING' ;;
    holdfast)
      settings_on "${2:-kafka}"
      env "${settings[@]}" WORKER_ID=bench HTTP_ADDR=127.0.0.1:"$http" "${worker_env[@]}" "$worker" run "${worker_args[@]}" >"$work/$1.log" 2>&1 &
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

# restarted WHO SIGNAL [LOG]: ends the contender, starts it again, prints the seconds until it says that it runs.
restarted() {
  stop_contender "$2"
  mv "$work/$1.log" "$work/$1.log.before"
  local began
  began=$(now_s)
  launch "$1" "${3:-kafka}"
  wait_for "$work/$1.log" "$ready" "$contender"
  seconds=$(minus "$(now_s)" "$began")
}

# decided [TOPOLOGY]: how many records the worker has decided since it started.
decided() {
  curl -sf "http://127.0.0.1:$http/metrics" | awk -v which="holdfast_records_total{topology=\"$1" 'index($0, which) == 1 { sum += $2 } END { printf "%d", sum }'
}

# decided_rate N [TOPOLOGY]: waits until the worker has decided N records and sets `rate` to how many a second, from the first that is seen to the last.
decided_rate() {
  local n now first="" first_at="" deadline=$((SECONDS + 600))
  while :; do
    n=$(decided "${2:-}") || n=0
    now=$(now_s)
    if [ "${n:-0}" -gt 0 ] && [ -z "$first" ]; then first=$n first_at=$now; fi
    [ "${n:-0}" -ge "$1" ] && break
    kill -0 "$contender" || return 1
    [ "$SECONDS" -lt "$deadline" ] || { echo "bench: $n of $1 decided after 600 s" >&2; return 1; }
    sleep 0.05
  done
  rate=$(round_rate "$(awk -v n="$((n - first))" -v s="$(minus "$now" "$first_at")" 'BEGIN { print n / (s > 0 ? s : 0.001) }')")
}

# latency_of NAME: p50 / p99 / max, in ms, of the line of that name in what a load has said.
latency_of() { awk -v name="$1  " 'index($0, name) == 1 { print $(NF - 4) " / " $(NF - 2) " / " $NF }' "$work/said"; }
