#!/usr/bin/env bash
# Real Kafka brokers without Docker: KRaft brokers from Maven's jars. Needs Java 17 and, the first time, Maven.
#
#   kafka.sh up [1|3]         start 1 broker (default) or 3 on fresh data; returns when they serve
#   kafka.sh down             stop them and delete their data
#   kafka.sh kill N           kill -9 broker N (1 to 3); its data stays
#   kafka.sh start N          start broker N again on its data; returns when it serves
#   kafka.sh pause N          stop broker N where it stands (SIGSTOP): connections stay open, nothing is answered
#   kafka.sh resume N         let it go on (SIGCONT)
#   kafka.sh brokers          print the bootstrap servers
#   kafka.sh topics ARGS      kafka-topics              kafka.sh groups ARGS    kafka-consumer-groups
#   kafka.sh consume ARGS     kafka-console-consumer    kafka.sh produce ARGS   kafka-console-producer
#   kafka.sh configs ARGS     kafka-configs             kafka.sh acls ARGS      kafka-acls
#
# KAFKA_HOME_DIR   settings, data and logs of one cluster; another directory is another cluster   (./.kafka)
# KAFKA_PORT_BASE  first of six ports: brokers on the first three, controllers on the rest;
#                  `auto` takes free ones                                                        (9092)
# KAFKA_DETOURS    ports of 127.0.0.1, comma-separated, one for each broker: it listens a second time, six ports above its own, and tells
#                  clients who come that way to come back through the n-th of these, where a proxy of yours is (none)
# KAFKA_CLIENTS    protocol of one more listener for clients, SASL_PLAINTEXT say, six ports above the broker's own (none)
# KAFKA_SETTINGS   more lines of a broker's settings; a later line wins                           (none)
# KAFKA_HEAP       heap of a broker                                                               (512m)
# KAFKA_JVM_OPTS   more options for a broker's JVM                                                (none)
# KAFKA_BROKERS    bootstrap servers for the tools                                                (this cluster's)
# KAFKA_LIB_DIR    where the jars are kept                                                        (~/.cache/holdfast/kafka-lib)
#
# Everything listens on loopback only.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
home=${KAFKA_HOME_DIR:-$PWD/.kafka}
case "$home" in /*) ;; *) home=$PWD/$home ;; esac
version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$here/pom.xml")
lib=${KAFKA_LIB_DIR:-$HOME/.cache/holdfast/kafka-lib}/$version

die() {
  echo "kafka.sh: $*" >&2
  exit 1
}

# Fetches the jars once. The directory appears complete or not at all, so two first calls at the same time do no harm.
jars() {
  [ -d "$lib" ] && return
  command -v mvn >/dev/null || die "the Kafka jars have to be fetched once and Maven (mvn) is missing: scripts/setup.sh installs it"
  mkdir -p "$(dirname "$lib")"
  local fresh
  fresh=$(mktemp -d "$lib.XXXXXX")
  if ! mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$fresh" >"$fresh/mvn.log" 2>&1; then
    tail -20 "$fresh/mvn.log" >&2
    rm -rf "$fresh"
    die "Maven could not fetch Kafka $version"
  fi
  mv -T "$fresh" "$lib" 2>/dev/null || rm -rf "$fresh"
  [ -d "$lib" ] || die "could not create $lib"
}

quiet_java() {
  java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$lib/*" "$@"
}

tool() {
  local class=$1
  shift
  jars
  quiet_java "$class" --bootstrap-server "${KAFKA_BROKERS:-$(brokers)}" "$@"
}

brokers() {
  if [ -f "$home/brokers" ]; then cat "$home/brokers"; else echo "localhost:$([ "${KAFKA_PORT_BASE:-9092}" = auto ] && echo 9092 || echo "${KAFKA_PORT_BASE:-9092}")"; fi
}

# Prints the pid of broker N if that process lives and is ours; pids are used again, so the name alone proves nothing.
pid_of() {
  local pid
  pid=$(cat "$home/$1.pid" 2>/dev/null) || return 1
  case "$(ps -o stat=,args= -p "$pid" 2>/dev/null)" in
    Z*) return 1 ;;
    *"$home/$1.properties"*) echo "$pid" ;;
    *) return 1 ;;
  esac
}

ids() {
  local file
  for file in "$home"/[0-9].properties; do
    [ -f "$file" ] && basename "$file" .properties
  done
  return 0
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Brokers, controllers, detours: three each.
all_are_free() {
  local port
  for port in $(seq "$1" $(($1 + 8))); do port_is_free "$port" || return 1; done
}

# Below 32768, where Linux takes the ports of outgoing connections from. Random, so that two callers rarely meet; `up` tries again if they do.
free_base() {
  local base
  for _ in $(seq 100); do
    base=$((20000 + (RANDOM % 1400) * 9))
    all_are_free "$base" && echo "$base" && return
  done
  die "no nine free ports found"
}

# A killed broker may register again only after its session has ended, hence the short session.
configure() {
  local n=$1 count=$2 base=$3 voters="" listen="" advertise="" i
  if [ -n "${KAFKA_DETOURS:-}" ]; then
    listen=",DETOUR://127.0.0.1:$((base + 5 + n))"
    advertise=",DETOUR://127.0.0.1:$(cut -d, -f"$n" <<<"$KAFKA_DETOURS")"
  fi
  if [ -n "${KAFKA_CLIENTS:-}" ]; then
    listen=",CLIENTS://localhost:$((base + 5 + n))"
    advertise=",CLIENTS://localhost:$((base + 5 + n))"
  fi
  for i in $(seq "$count"); do voters="$voters${voters:+,}$i@localhost:$((base + 2 + i))"; done
  cat >"$home/$n.properties" <<P
process.roles=broker,controller
node.id=$n
controller.quorum.voters=$voters
listeners=PLAINTEXT://localhost:$((base - 1 + n)),CONTROLLER://localhost:$((base + 2 + n))$listen
advertised.listeners=PLAINTEXT://localhost:$((base - 1 + n))$advertise
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,DETOUR:PLAINTEXT,CLIENTS:${KAFKA_CLIENTS:-PLAINTEXT}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$home/data$n
auto.create.topics.enable=false
num.partitions=3
default.replication.factor=$count
min.insync.replicas=$((count == 3 ? 2 : 1))
offsets.topic.replication.factor=$count
transaction.state.log.replication.factor=$count
transaction.state.log.min.isr=$((count == 3 ? 2 : 1))
share.coordinator.state.topic.replication.factor=$count
share.coordinator.state.topic.min.isr=$((count == 3 ? 2 : 1))
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=5000
broker.heartbeat.interval.ms=1000
${KAFKA_SETTINGS:-}
P
}

# Starts broker N in a session of its own, so that it outlives this script and the terminal.
launch() {
  local n=$1
  [ -f "$home/$n.log" ] && mv "$home/$n.log" "$home/$n.log.before"
  # shellcheck disable=SC2086  # KAFKA_JVM_OPTS is a list of words
  setsid nohup java -Xms128m -Xmx"${KAFKA_HEAP:-512m}" ${KAFKA_JVM_OPTS:-} -Dorg.slf4j.simpleLogger.defaultLogLevel=info \
    -cp "$lib/*" kafka.Kafka "$home/$n.properties" >"$home/$n.log" 2>&1 </dev/null &
  echo $! >"$home/$n.pid"
}

# A broker prints this line once it is in the cluster and takes requests.
serves() { grep -q 'Kafka Server started' "$home/$1.log" 2>/dev/null; }

wait_up() {
  local n deadline=$((SECONDS + ${KAFKA_START_TIMEOUT:-120}))
  for n in "$@"; do
    until serves "$n"; do
      if ! pid_of "$n" >/dev/null; then
        sleep 0.2
        pid_of "$n" >/dev/null || return 1
      fi
      if [ "$SECONDS" -ge "$deadline" ]; then
        echo "kafka.sh: broker $n does not serve after ${KAFKA_START_TIMEOUT:-120} s" >&2
        return 1
      fi
      sleep 0.05
    done
  done
}

kill_broker() {
  local pid
  pid=$(pid_of "$1") || return 0
  kill -9 "$pid" 2>/dev/null || true
  while pid_of "$1" >/dev/null; do sleep 0.02; done
}

# Data is deleted anyway, so nobody gains from a slow goodbye: a controller quorum that shuts down politely waits for itself.
down() {
  local n
  for n in $(ids); do kill_broker "$n"; done
  rm -rf "$home"/data? "$home"/[0-9].properties "$home"/[0-9].pid "$home/brokers"
}

try_up() {
  local count=$1 base=$2 n cluster list="" formats=()
  cluster=$(head -c 16 /dev/urandom | base64 | tr '+/' 'xy' | tr -d '=')
  for n in $(seq "$count"); do
    configure "$n" "$count" "$base"
    rm -f "$home/$n.log"
    quiet_java kafka.tools.StorageTool format -t "$cluster" -c "$home/$n.properties" >"$home/$n.format.log" 2>&1 &
    formats+=($!)
    list="$list${list:+,}localhost:$((base - 1 + n))"
  done
  for n in "${formats[@]}"; do wait "$n" || { cat "$home"/?.format.log >&2; return 1; }; done
  for n in $(seq "$count"); do launch "$n"; done
  # shellcheck disable=SC2046  # a list of numbers
  wait_up $(seq "$count") || return 1
  echo "$list" >"$home/brokers"
}

up() {
  local count=$1 base=${KAFKA_PORT_BASE:-9092} n
  case "$count" in 1 | 3) ;; *) die "up takes 1 or 3, not '$count'" ;; esac
  command -v java >/dev/null || die "Java is missing: scripts/setup.sh installs it"
  jars
  for n in $(ids); do pid_of "$n" >/dev/null && die "broker $n of $home is running already; kafka.sh down stops it"; done
  down
  mkdir -p "$home"
  for _ in 1 2 3 4 5; do
    [ "${KAFKA_PORT_BASE:-}" != auto ] || base=$(free_base)
    if try_up "$count" "$base"; then
      echo "kafka: $count broker(s) on $(brokers)"
      return
    fi
    if [ "${KAFKA_PORT_BASE:-}" = auto ] && grep -qi 'address already in use' "$home"/?.log 2>/dev/null; then
      down
      continue
    fi
    tail -n 20 "$home"/?.log >&2
    down
    die "the brokers did not start; the lines above say why"
  done
  die "five times somebody else was faster to take the free ports"
}

signal_broker() {
  local pid
  pid=$(pid_of "$2") || die "broker $2 does not run"
  kill "$1" "$pid"
}

known() { [ -f "$home/${1:-none}.properties" ] || die "there is no broker '${1:-}' in $home"; }

restart() {
  known "$1"
  if pid_of "$1" >/dev/null; then return; fi
  launch "$1"
  wait_up "$1" || { tail -n 20 "$home/$1.log" >&2; die "broker $1 did not start"; }
}

case "${1:-}" in
  up) up "${2:-1}" ;;
  down) down ;;
  kill) known "${2:-}" && kill_broker "$2" ;;
  start) restart "${2:-}" ;;
  pause) known "${2:-}" && signal_broker -STOP "$2" ;;
  resume) known "${2:-}" && signal_broker -CONT "$2" ;;
  brokers) brokers ;;
  topics) shift && tool org.apache.kafka.tools.TopicCommand "$@" ;;
  groups) shift && tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand "$@" ;;
  consume) shift && tool org.apache.kafka.tools.consumer.ConsoleConsumer "$@" ;;
  produce) shift && tool org.apache.kafka.tools.ConsoleProducer "$@" ;;
  configs) shift && tool kafka.admin.ConfigCommand "$@" ;;
  acls) shift && tool org.apache.kafka.tools.AclCommand "$@" ;;
  *) sed -n '2,/^$/s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
