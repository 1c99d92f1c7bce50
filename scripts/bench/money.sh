# Sourced by scripts/bench.sh. Money: transfers that wait in the log, and payments over HTTP.
#   DEBITS=1000000          debits in the backlog
# shellcheck shell=bash disable=SC2154

DEBITS=${DEBITS:-1000000}

quiet_mix() {
  verb kafka load pay-mix --url "http://127.0.0.1:$http" --buyers 1500 --rate 300 --seed $((100 + turn))
}

# money_on LOG
money_on() {
  local wallets=$((DEBITS / 10)) transfers
  rm -rf "$work/holdfast.state"
  verb "$1" load debit-backlog --debits "$DEBITS" --users $wallets --seed 7
  # Wallets alone: nobody has made the reservations that these debits are for.
  worker_env=() worker_args=(--topologies payment)
  launch holdfast "$1"
  decided_rate $((wallets + DEBITS)) payment
  transfers=$rate
  stop_contender TERM
  rm -rf "$work/holdfast.state"
  if [ "$1" = kafka ]; then kafka/kafka.sh down && broker_up; fi
  worker_env=(HOLD_MS=5000) worker_args=()
  launch holdfast "$1"
  wait_for "$work/holdfast.log" "$ready" "$contender"
  # The first ones warm up client, broker and worker.
  verb "$1" load pay-mix --url "http://127.0.0.1:$http" --buyers $((300 * WARM_UP_SECONDS)) --rate 300 --seed 8
  [ "$1" = embedded ] || settled quiet_mix
  verb "$1" load pay-mix --url "http://127.0.0.1:$http" --buyers $((300 * SECONDS_EACH)) --rate 300 --seed 9
  stop_contender TERM
  echo "bench: money, $1: $transfers transfers/s, payments $(latency_of 'pay, taken') ms"
  echo "| $1 | $transfers | $(latency_of charge) | $(latency_of hold) | $(latency_of 'pay, taken') |" >>"$work/moneys"
}

part_money() {
  : >"$work/moneys"
  http=$(free_port)
  money_on embedded
  broker_up
  money_on kafka
  kafka/kafka.sh down
  worker_env=()
  {
    cat <<P
## Money

$DEBITS debits of $((DEBITS / 10)) wallets wait in the log: transfers decided a second, each with its statement line and counter account. Then 300 buyers a second
charge, hold and pay over HTTP (about 210 payments a second, some at the deadline, some after it, some twice): answer, p50 / p99 / max, ms, after
$WARM_UP_SECONDS s of the same and, on Kafka, more until the broker's compilers are quiet. A payment is answered after three hops: reservation, wallet, reservation.

| log | transfers/s | charge | hold | payment |
|---|---|---|---|---|
P
    cat "$work/moneys"
  } >"$work/page.money"
}
