#!/usr/bin/env bash
# What a shop would use instead of a log: V1, a row lock in PostgreSQL, and V2, a Lua script in Redis, both issuing coupons.
# Starts servers of its own in a temporary folder, on loopback, and ends them. Prints a table row for each case.
#   SECONDS_EACH=8   how long each case of V1 runs
set -euo pipefail

each=${SECONDS_EACH:-8}
dir=$(mktemp -d)
chmod 755 "$dir"
bin=$(dirname "$(find /usr/lib/postgresql -name initdb 2>/dev/null | sort -V | tail -1)")
redis_port=$((20000 + RANDOM % 12000))

finish() {
  redis-cli -p "$redis_port" shutdown nosave >/dev/null 2>&1 || true
  as_owner "$bin/pg_ctl" -D "$dir/pg" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$dir"
}

# PostgreSQL refuses to run as root.
as_owner() {
  if [ "$(id -u)" = 0 ]; then su postgres -s /bin/bash -c "$(printf '%q ' "$@")"; else "$@"; fi
}

trap finish EXIT

# ---- V1

mkdir "$dir/pg"
[ "$(id -u)" != 0 ] || chown postgres "$dir/pg"
as_owner "$bin/initdb" -D "$dir/pg" -A trust >"$dir/initdb.log" 2>&1
as_owner "$bin/pg_ctl" -D "$dir/pg" -w -o "-k $dir/pg -c listen_addresses= -c max_connections=120" -l "$dir/pg/log" start >/dev/null
sql() { as_owner psql -q -h "$dir/pg" -d postgres "$@"; }
sql -c 'create table policy (id int primary key, stock int);
  insert into policy select n, 100000000 from generate_series(1, 1000) n;
  create table issued (policy int, holder bigint, primary key (policy, holder))'

# The row of the policy is locked until the commit: who comes next waits.
script() {
  cat <<S
\\set policy $1
\\set holder random(1, 1000000000)
begin;
update policy set stock = stock - 1 where id = :policy and stock > 0;
insert into issued values (:policy, :holder) on conflict do nothing;
end;
S
}
script 1 >"$dir/one.sql"
script 'random(1, 1000)' >"$dir/many.sql"
chmod 644 "$dir"/*.sql

row_lock() {
  as_owner pgbench -n -h "$dir/pg" -f "$dir/$1.sql" -c "$2" -j 1 -T "$each" postgres 2>/dev/null |
    awk -v what="$3" -v clients="$2" '/^latency average/ { mean = $4 } /^tps/ { printf "| V1, row lock, %s | %s | %.0f | %.1f |\n", what, clients, $3, mean }'
}
row_lock one 1 "one policy"
row_lock one 10 "one policy"
row_lock one 100 "one policy"
row_lock many 50 "1,000 policies"

# ---- V2

redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$dir" --appendonly yes --appendfsync always --save '' --daemonize yes >/dev/null
redis() { redis-cli -p "$redis_port" "$@"; }
for _ in $(seq 100); do
  [ "$(redis ping 2>/dev/null)" = PONG ] && break
  sleep 0.05
done
redis set stock 100000000 >/dev/null
lua=$(redis script load "
  if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return 'DUPLICATE' end
  if tonumber(redis.call('GET', KEYS[1])) <= 0 then return 'SOLD_OUT' end
  redis.call('DECR', KEYS[1])
  redis.call('SADD', KEYS[2], ARGV[1])
  return 'ISSUED'")
for fsync in always everysec; do
  redis config set appendfsync $fsync >/dev/null
  for clients in 1 50; do
    requests=$((clients == 1 ? 30000 : 200000))
    redis-benchmark -p "$redis_port" -n $requests -c $clients -r 100000000 --csv evalsha "$lua" 2 stock holders __rand_int__ 2>/dev/null |
      awk -F '","' -v fsync=$fsync -v clients=$clients 'END { printf "| V2, Lua script, appendfsync %s | %s | %.0f | %.2f |\n", fsync, clients, $2, $5 }'
  done
done
