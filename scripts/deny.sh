#!/usr/bin/env bash
# cargo deny on bans, licences and sources; on advisories too where their database can be fetched.
# cargo-deny is built once, in the version below, into ~/.cache/holdfast/tools.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.20.2
cache=$HOME/.cache/holdfast
deny=$cache/tools/bin/cargo-deny

if [ "$("$deny" --version 2>/dev/null)" != "cargo-deny $version" ]; then
  echo "deny: building cargo-deny $version (once, some minutes)"
  # Its own profile has LTO and one codegen unit: twice the time for a tool that runs for a second.
  CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
    cargo install cargo-deny --locked --version "$version" --root "$cache/tools" --target-dir "$cache/tools-target" --quiet
  rm -rf "$cache/tools-target"
fi

"$deny" --locked check bans licenses sources

# The advisory database lives on GitHub. A machine that cannot reach it is told so; the rest has been checked all the same.
if said=$(timeout 90 "$deny" --locked check advisories 2>&1); then
  echo "$said"
elif grep -qiE 'failed to (fetch|clone|load|open|acquire).*advisory|advisory.database.*(fetch|clone)|unable to (fetch|clone)|could not resolve|failed to connect' <<<"$said" ||
  ! curl -fsS -o /dev/null --max-time 10 https://github.com/rustsec/advisory-db 2>/dev/null; then
  echo "deny: the advisory database cannot be fetched from here: advisories are NOT checked"
else
  echo "$said" >&2
  exit 1
fi
