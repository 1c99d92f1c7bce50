# Sourced by scripts/bench.sh. What would be picked instead (peers/locks).
# shellcheck shell=bash disable=SC2154

part_locks() {
  echo "bench: locks"
  peers/locks/run.sh | tee "$work/locks"
  {
    cat <<P
## A row lock and a script

The seeds' V1 (a row lock in PostgreSQL) and V2 (a Lua script in Redis) issuing coupons of one policy, from peers/locks. \`everysec\` may lose a second of
decisions when the machine fails; the others, like this worker, lose none.

| what | clients | decisions/s | mean or p50, ms |
|---|---|---|---|
P
    cat "$work/locks"
  } >"$work/page.locks"
}
