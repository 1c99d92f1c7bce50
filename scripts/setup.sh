#!/usr/bin/env bash
# Installs what is missing, and only that.
#   setup.sh build    what the build needs: a C++ compiler, libclang (RocksDB's bindings), OpenSSL (librdkafka's TLS)
#   setup.sh test     the same, and what brokers from jars, the seeds' scripts and schemathesis need: Java 17, Maven, OpenSSL, curl, Python's venv
#   setup.sh bench    the same, and what the peers need: a Java compiler, PostgreSQL, Redis
# As root or through sudo. Elsewhere than on Debian and its kin it says what is needed and installs nothing.
set -euo pipefail

what=${1:-test}
missing=()
packages=()

# need WORD PACKAGE…: notes that WORD is missing and which Debian packages bring it.
need() {
  missing+=("$1")
  shift
  packages+=("$@")
}

has() { command -v "$1" >/dev/null 2>&1; }

has_library() { has pkg-config && pkg-config --exists "$1"; }

any_file() {
  local pattern
  for pattern; do compgen -G "$pattern" >/dev/null && return; done
  return 1
}

# bindgen needs the library itself (libclang-cpp, which llvm brings along, is another one) and clang's own headers.
has_libclang() {
  [ -n "${LIBCLANG_PATH:-}" ] && return
  any_file '/usr/lib/llvm-*/lib/libclang.so*' '/usr/lib/llvm-*/lib/libclang-[0-9]*.so*' '/usr/lib/*/libclang.so*' '/usr/lib/*/libclang-[0-9]*.so*' \
    '/usr/lib/libclang.so*' '/usr/lib64/libclang.so*' &&
    any_file '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' '/usr/lib/clang/*/include/stddef.h' '/usr/lib64/clang/*/include/stddef.h'
}

java_is_17() {
  local version
  version=$(java -version 2>&1 | sed -n '1s/[^"]*"\([0-9]*\).*/\1/p')
  [ "${version:-0}" -ge 17 ]
}

if ! has cargo; then
  echo "setup: Rust is missing. Install rustup from https://rustup.rs and open a new shell; rust-toolchain.toml does the rest." >&2
  exit 1
fi
has cc || need "a C compiler" gcc libc6-dev
has c++ || need "a C++ compiler" g++
has make || need make make
has git || need git git ca-certificates
has pkg-config || need pkg-config pkg-config
has_library openssl || need "OpenSSL's headers" pkg-config libssl-dev
has_library zlib || need "zlib's headers" zlib1g-dev
has_libclang || need libclang libclang-dev
if [ "$what" = bench ]; then
  has javac || need "a Java compiler" openjdk-17-jdk-headless
  # The locks we are measured against.
  any_file '/usr/lib/postgresql/*/bin/initdb' || need PostgreSQL postgresql
  { has pgbench || any_file '/usr/lib/postgresql/*/bin/pgbench'; } || need pgbench postgresql-contrib
  has redis-server && has redis-benchmark || need Redis redis-server redis-tools
fi
if [ "$what" != build ]; then
  { has java && java_is_17; } || need "Java 17" openjdk-17-jre-headless
  has mvn || need Maven maven
  has ps || need ps procps
  # Makes the certificates of brokers that speak TLS.
  has openssl || need OpenSSL openssl
  # The seeds' own scripts are a test.
  has curl || need curl curl
  # schemathesis asks the API for everything that its OpenAPI document allows: scripts/schemathesis.sh.
  { has python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; } || need "Python's venv" python3 python3-venv
  has flock || need flock util-linux
fi

[ ${#missing[@]} -gt 0 ] || exit 0

list=$(printf ', %s' "${missing[@]}")
if ! has apt-get; then
  echo "setup: missing: ${list:2}. This is no Debian, so please install them with the system's own package manager." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
  has sudo || { echo "setup: missing: ${list:2}. As root: apt-get install ${packages[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "setup: installing ${packages[*]} (missing: ${list:2})"
export DEBIAN_FRONTEND=noninteractive
# --no-upgrade: what is there stays as it is, whatever we misjudged.
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-upgrade --no-install-recommends "${packages[@]}" >/dev/null

if [ "$what" != build ] && ! java_is_17; then
  echo "setup: Java 17 is installed, but \`java\` is still an older one: put the new one first in PATH" >&2
  exit 1
fi
