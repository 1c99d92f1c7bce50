# Sourced by scripts/bench.sh. A restart with very many deadlines open: when it is ready, and whether the first due one is on time.
#   PENDING=1000000         open deadlines
# shellcheck shell=bash disable=SC2154

PENDING=${PENDING:-1000000}

# pending_on LOG
pending_on() {
  rm -rf "$work/holdfast.state"
  verb "$1" load hold-backlog --holds "$PENDING" --seed 10
  worker_env=(HOLD_MS=86400000)
  launch holdfast "$1"
  decided_rate "$PENDING" expiration
  stop_contender TERM
  # A hundred more, due in twenty seconds: they are armed, then the worker is killed, and has to have them when it comes back.
  verb "$1" load expiry-cliff --holds 100 --seed 11
  worker_env=(HOLD_MS=20000)
  launch holdfast "$1"
  decided_rate 100 expiration
  restarted holdfast 9 "$1"
  local armed
  armed=$seconds
  decided_rate 100 reservation
  stop_contender TERM
  verb "$1" load expiry-lateness --seed 11 --holds 100
  echo "bench: $PENDING pending, $1: ready after kill -9 in $armed s, late by $(latency_of 'seats.expired after its deadline') ms"
  echo "| $1 | $armed | $(latency_of 'seats.expired after its deadline') |" >>"$work/pendings"
}

part_pending() {
  : >"$work/pendings"
  http=$(free_port)
  pending_on embedded
  broker_up
  pending_on kafka
  kafka/kafka.sh down
  worker_env=()
  {
    cat <<P
## A restart with $PENDING open deadlines

The worker is killed (-9) and started again while $PENDING holds are open; 100 of them are due seconds later.

| log | ready, s | late, p50 / p99 / max, ms |
|---|---|---|
P
    cat "$work/pendings"
  } >"$work/page.pending"
}
