#!/usr/bin/env bash
# Runs schemathesis, which asks an API for everything that its OpenAPI document allows and forbids. The tests call it; by hand:
#   scripts/schemathesis.sh run http://127.0.0.1:3000/openapi.json
# It is installed once, as scripts/schemathesis.txt says (exact versions, with hashes), into ~/.cache/holdfast/schemathesis.
set -euo pipefail

# It writes down what it has found where it is called: no `cd` here.
cache=$HOME/.cache/holdfast/schemathesis
requirements=$(dirname "$(readlink -f "$0")")/schemathesis.txt
mkdir -p "$cache"
venv=$cache/$(sha256sum "$requirements" | cut -c1-16)

# Tests run side by side, and in several clones: one of them installs, the others wait for it.
exec 9>"$cache/lock"
flock 9
if [ ! -e "$venv/complete" ]; then
  echo "schemathesis: installing into $venv" >&2
  rm -rf "$venv"
  python3 -m venv "$venv" || { echo "schemathesis: python3 -m venv does not work; scripts/setup.sh test installs what is missing" >&2; exit 1; }
  "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement "$requirements"
  touch "$venv/complete"
fi
exec 9>&-

exec "$venv/bin/st" "$@"
