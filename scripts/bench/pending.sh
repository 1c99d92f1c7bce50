# Sourced by scripts/bench.sh. A restart with very many deadlines open: when it is ready, whether a thousand that are due together are on time, and in how
# much memory.
#   PENDING=1000000         open deadlines
#   DUE=1000                of these due together, after the restart
# shellcheck shell=bash disable=SC2154

PENDING=${PENDING:-1000000}
DUE=${DUE:-1000}

# pending_on LOG
pending_on() {
  local arming armed restarted_mb apart lateness first
  rm -rf "$work/holdfast.state"
  verb "$1" load hold-backlog --holds "$PENDING" --seed 10
  worker_env=(HOLD_MS=86400000)
  launch holdfast "$1"
  decided_rate "$PENDING" expiration
  arming=$(memory_mb "$contender" VmHWM)
  stop_contender TERM
  # Some more, due together in twenty seconds: they are armed, then the worker is killed, and has to have them when it comes back.
  verb "$1" load expiry-cliff --holds "$DUE" --seed 11
  apart=$(sed -n 's/.* within \([0-9]*\) ms of .*/\1/p' "$work/said")
  worker_env=(HOLD_MS=20000)
  launch holdfast "$1"
  decided_rate "$DUE" expiration
  restarted holdfast 9 "$1"
  armed=$seconds
  decided_rate "$DUE" reservation
  restarted_mb=$(memory_mb "$contender" VmHWM)
  stop_contender TERM
  # One that ended early is a failure of this verb.
  verb "$1" load expiry-lateness --seed 11 --holds "$DUE"
  lateness=$(latency_of 'seats.expired after its deadline')
  first=$(latency_of 'seats.expired after the first deadline')
  echo "bench: $PENDING pending, $1: ready after kill -9 in $armed s, $DUE due within $apart ms late by $lateness ms, at most $arming and $restarted_mb MB"
  echo "| $1 | $armed | $apart | $lateness | $first | $arming / $restarted_mb |" >>"$work/pendings"
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

The worker is killed (-9) and started again while $PENDING holds are open; $DUE of them are due together seconds later, as far as they were appended together:
the last but one column counts from the first deadline of all. None was early. Memory is the process's at most: while all were decided and armed, and after
the restart.

| log | ready, s | deadlines within, ms | late, p50 / p99 / max, ms | after the first deadline, p50 / p99 / max, ms | memory at most, arming / restarted, MB |
|---|---|---|---|---|---|
P
    cat "$work/pendings"
  } >"$work/page.pending"
}
