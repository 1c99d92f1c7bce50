# Sourced by scripts/bench.sh. One policy that everybody wants: all requests in one partition.
# shellcheck shell=bash disable=SC2154

# hot LOG: sets rate.
hot() {
  local brokers=()
  [ "$1" = embedded ] || brokers=("KAFKA_BROKERS=$BOOTSTRAP")
  rm -rf "$work/holdfast.state"
  env "${brokers[@]}" PARTITIONS=$PARTITIONS APP_ID=$APP DATA_DIR="$work/holdfast.state" "$worker" load coupon-backlog --requests "$HOT_N" --policies 1 \
    --stock $((HOT_N / 2)) --users $((HOT_N * 10)) --seed 5 >/dev/null 2>&1
  launch holdfast "$1"
  decided_rate "$HOT_N"
  stop_contender TERM
  echo "bench: one hot policy, $1: $rate/s"
}

part_hot() {
  local kafka_rate
  broker_up
  hot kafka
  kafka_rate=$rate
  kafka/kafka.sh down
  http=$(free_port)
  hot embedded
  {
    echo "## One hot policy"
    echo
    echo "$HOT_N requests of different users for one policy with half as many coupons wait in one partition. Decisions a second, each durable before it is shown:"
    echo "**$kafka_rate/s on Kafka, $rate/s on the embedded log**."
  } >"$work/page.hot"
}
