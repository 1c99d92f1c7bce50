#!/usr/bin/env bash
# Both pages in a headless Chromium: what axe finds, and a whole sale by hand. `make browser` calls it.
# Pictures of what was seen lie in target/browser. With HOLDFAST_URL set, that worker is looked at, and none is started.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

target=${CARGO_TARGET_DIR:-target}
export HOLDFAST_CHROMIUM=${HOLDFAST_CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$HOLDFAST_CHROMIUM" ]; then
  echo "browser: no Chromium; on Debian: apt-get install chromium fonts-noto-cjk" >&2
  exit 1
fi
if ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null; then
  echo "browser: Node.js 20 or newer is needed" >&2
  exit 1
fi
if [ -z "${HOLDFAST_URL:-}" ] && [ -z "${HOLDFAST_WORKER:-}" ]; then
  cargo build --release --locked --bin stream-worker
  export HOLDFAST_WORKER=$target/release/stream-worker
fi
export HOLDFAST_SHOTS=${HOLDFAST_SHOTS:-$PWD/target/browser}

# Exact versions, with hashes, as the lock file has them.
npm ci --prefix tests/browser --ignore-scripts --no-audit --no-fund --silent
exec node --test --test-concurrency=1 "$@" tests/browser/pages.test.mjs
