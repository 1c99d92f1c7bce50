#!/usr/bin/env bash
# Builds the worker for strangers' machines and packs it: stream-worker-VERSION-ARCH-linux.tar.gz and its SHA-256, in dist/.
#   scripts/release.sh [VERSION]     VERSION: of the tag; default: that of Cargo.toml
# To be run on Debian 12 (rust:1.95.0-bookworm), on the architecture that it is for. zlib, OpenSSL and the C++ library are in the binary;
# it needs glibc and nothing else, and this script refuses to pack one that needs more (docs/decisions/0045-first-start.md).
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:-$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)}
version=${version#v}
arch=$(uname -m)
# The newest glibc that it may ask for: that of RHEL 9, older than those of Debian 12 and Ubuntu 22.04.
glibc_max=2.34

case "$arch" in
  # SSE 4.2, for RocksDB's checksums: every server since 2009.
  x86_64) flags="-C target-cpu=x86-64-v2" ;;
  # The same for Arm: Neoverse, Graviton 2, Raspberry Pi 5.
  aarch64) flags="-C target-feature=+crc,+aes" ;;
  *) echo "release: no release is made for $arch" >&2 && exit 1 ;;
esac
# Where the static C++ library of this machine's compiler is.
cxx=$(dirname "$(c++ -print-file-name=libstdc++.a)")
export RUSTFLAGS="$flags -L native=$cxx"
export CXXSTDLIB="static=stdc++" OPENSSL_STATIC=1 LIBZ_SYS_STATIC=1
# pkg-config's crate links nothing statically that lies in /usr; named like this, it is not asked.
OPENSSL_LIB_DIR=/usr/lib/$(cc -print-multiarch)
export OPENSSL_LIB_DIR OPENSSL_INCLUDE_DIR=/usr/include
target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked --bin stream-worker
cp "$target/release/stream-worker" "$target/stream-worker.packed"
binary=$target/stream-worker.packed
strip --strip-debug "$binary"

more=$(objdump -p "$binary" | awk '/NEEDED/ { print $2 }' | grep -vE '^(libc|libm|libgcc_s)\.so|^ld-linux' || true)
if [ -n "$more" ]; then
  echo "release: the binary needs libraries that a machine may lack: $more" >&2
  exit 1
fi
newest=$(objdump -T "$binary" | grep -oE 'GLIBC_[0-9]+\.[0-9]+' | sort -uV | tail -1)
if [ "$(printf '%s\n' "GLIBC_$glibc_max" "$newest" | sort -V | tail -1)" != "GLIBC_$glibc_max" ]; then
  echo "release: the binary needs $newest; GLIBC_$glibc_max is the newest that is promised. Build on Debian 12." >&2
  exit 1
fi

# It starts, serves the sample, and stops as asked.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
DATA_DIR=$work/data HTTP_ADDR=127.0.0.1:0 "$binary" run --sample >"$work/out" 2>&1 &
worker=$!
for ((look = 0; look < 300; look++)); do
  grep -q '^stream-worker ready' "$work/out" && break
  kill -0 "$worker" 2>/dev/null || break
  sleep 0.1
done
grep '^stream-worker ready' "$work/out" || { cat "$work/out" >&2 && exit 1; }
kill "$worker"
wait "$worker"

name=stream-worker-$version-$arch-linux
mkdir -p "dist/$name"
install -m 0755 "$binary" "dist/$name/stream-worker"
cp LICENSE README.md CHANGELOG.md holdfast.toml.example "dist/$name/"
# The same sources give the same archive: owners, order and times are those of the commit.
tar -C dist --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" -cf - "$name" | gzip -n -9 >"dist/$name.tar.gz"
rm -rf "dist/${name:?}"
(cd dist && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256" && cat "$name.tar.gz.sha256")
