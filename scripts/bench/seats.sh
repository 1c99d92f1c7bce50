# Sourced by scripts/bench.sh. Seats: storms over HTTP, deadlines that come together or steadily, and a backlog of holds.
#   HOLDS=1000000           holds in the backlog
#   CLIFFS="1000 10000 100000"
# shellcheck shell=bash disable=SC2154

HOLDS=${HOLDS:-1000000}
CLIFFS=${CLIFFS:-1000 10000 100000}

# fresh LOG SETTINGS…: a worker with nothing decided yet.
fresh() {
  rm -rf "$work/holdfast.state"
  worker_env=("${@:2}")
  launch holdfast "$1"
  wait_for "$work/holdfast.log" "$ready" "$contender"
}

quiet_storm() {
  verb kafka load seat-storm --url "http://127.0.0.1:$http" --users 2500 --seats 100000 --zipf 0 --rate 500 --seed $((100 + turn))
}

quiet_cliff() {
  verb kafka load expiry-cliff --holds 500 --seed $((100 + turn)) --rate 100
}

storms_on() {
  local one holds
  fresh "$1"
  # Warms up client, broker and worker.
  verb "$1" load seat-storm --url "http://127.0.0.1:$http" --users $((500 * WARM_UP_SECONDS)) --seats 50 --rate 500 --seed 1
  [ "$1" = embedded ] || settled quiet_storm
  verb "$1" load seat-storm --url "http://127.0.0.1:$http" --users 500 --seed 2
  one=$(latency_of all)
  verb "$1" load seat-storm --url "http://127.0.0.1:$http" --users $((500 * SECONDS_EACH)) --seats 50 --rate 500 --seed 3
  echo "| $1 | 500 at once on one seat | $one |" >>"$work/storms"
  echo "| $1 | 500/s on 50 seats, Zipf 1.1 | $(latency_of all) |" >>"$work/storms"
  verb "$1" load seat-storm --url "http://127.0.0.1:$http" --users $((500 * SECONDS_EACH)) --seats 100000 --zipf 0 --rate 500 --seed 4
  holds=$(latency_of all)
  echo "| $1 | 500/s, hardly two on the same seat | $holds |" >>"$work/storms"
  stop_contender TERM
  echo "bench: seats, $1: 500 on one seat $one ms, holds at 500/s $holds ms"
}

# cliff LOG WHAT HOLD_MS HOLDS ARGUMENTS: holds are appended, a worker decides them and lets them end.
cliff() {
  local apart lateness first earlier=0
  worker_env=(HOLD_MS="$3")
  # On Kafka beside the running worker. The embedded log is one process's: there the worker finds them when it starts, which takes it a second.
  if [ "$1" = kafka ]; then
    launch "holdfast" kafka
    wait_for "$work/holdfast.log" "$ready" "$contender"
  fi
  # A steady pace is that of a shop that has been open for a while.
  if [ $# -gt 4 ] && [ "$1" = kafka ]; then
    earlier=$((100 * WARM_UP_SECONDS))
    verb "$1" load expiry-cliff --holds $earlier --seed 1 "${@:5}"
    settled quiet_cliff
    earlier=$((20 + 2 * earlier + (20 + 2 * 500) * turn))
  fi
  verb "$1" load expiry-cliff --holds "$4" --seed "$4$#" "${@:5}"
  apart=$(sed -n 's/.* within \([0-9]*\) ms of .*/\1/p' "$work/said")
  [ "$1" = kafka ] || launch holdfast embedded
  # Twenty schedules, each hold, and its end.
  decided_rate $((earlier + 20 + 2 * $4)) reservation
  stop_contender TERM
  verb "$1" load expiry-lateness --seed "$4$#" --holds "$4"
  lateness=$(latency_of 'seats.expired after its deadline')
  first=$(latency_of 'seats.expired after the first deadline')
  # Of a steady pace that says nothing.
  [ $# -eq 4 ] || first=–
  echo "bench: $2, $1: appended within $apart ms, late by $lateness ms, after the first deadline $first ms"
  echo "| $1 | $2 | $apart | $lateness | $first |" >>"$work/cliffs"
}

cliffs_on() {
  local n
  rm -rf "$work/holdfast.state"
  cliff "$1" "100/s for $SECONDS_EACH s" $((SECONDS_EACH * 1000 + 6000)) $((100 * SECONDS_EACH)) --rate 100
  for n in $CLIFFS; do
    # Each with schedules of its own, and long enough to decide all holds before the first is due.
    cliff "$1" "$n" $((8000 + n / 4)) "$n"
  done
}

# backlog_on LOG
backlog_on() {
  rm -rf "$work/holdfast.state"
  verb "$1" load hold-backlog --holds "$HOLDS" --seed 6
  worker_env=()
  launch holdfast "$1"
  decided_rate $((1000 + HOLDS)) reservation
  stop_contender TERM
  echo "bench: backlog of holds, $1: $rate/s"
  echo "| $1 | $rate |" >>"$work/backlogs"
}

part_seats() {
  local log
  : >"$work/storms" && : >"$work/cliffs" && : >"$work/backlogs"
  for log in embedded kafka; do
    http=$(free_port)
    [ "$log" = embedded ] || broker_up
    storms_on "$log"
    # A broker's log outlives the state: what the storms left would be decided again.
    if [ "$log" = kafka ]; then kafka/kafka.sh down && broker_up; fi
    cliffs_on "$log"
    if [ "$log" = kafka ]; then kafka/kafka.sh down && broker_up; fi
    backlog_on "$log"
    [ "$log" = embedded ] || kafka/kafka.sh down
  done
  {
    cat <<P
## Seats

POST /reservations, answered with the decision; open loop, from the intended time, after $WARM_UP_SECONDS s of the same and, on Kafka, more until the broker's
compilers are quiet. Load generator, broker and worker share
the machine.

| log | storm | answer, p50 / p99 / max, ms |
|---|---|---|
P
    cat "$work/storms"
    cat <<P

Nobody pays. Late is the append time of \`seats.expired\` less the hold's own deadline, read from the log; none was early. Holds are due together as far as
they were appended together, so the last column counts from the first deadline of all: what would be seen if all were due then, at most. On Kafka the steady
pace has lasted for $WARM_UP_SECONDS s and until the broker's compilers are quiet before it is looked at; for what is due together the worker has just been started.

| log | holds due, in 20 schedules | deadlines within, ms | late, p50 / p99 / max, ms | after the first deadline, p50 / p99 / max, ms |
|---|---|---|---|---|
P
    cat "$work/cliffs"
    cat <<P

$HOLDS holds of as many seats in 1000 schedules wait in the log; each is granted and arms its deadline, which is published and armed beside it.

| log | holds decided a second |
|---|---|
P
    cat "$work/backlogs"
  } >"$work/page.seats"
}
