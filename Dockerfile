# syntax=docker/dockerfile:1
# The worker in a container: docker build -t stream-worker .
#   docker run -p 3000:3000 -v holdfast:/var/lib/holdfast stream-worker                      on the embedded log
#   docker run -p 3000:3000 -e KAFKA_BROKERS=kafka-1:29092,… --network … stream-worker       on Kafka
# docker-compose.yml does either. docs/decisions/0045-first-start.md says why it is built so.

FROM rust:1.95.0-bookworm AS tools
# The image brings the toolchain; rust-toolchain.toml would fetch rustfmt and clippy too, which nothing here needs.
ENV RUSTUP_TOOLCHAIN=1.95.0
RUN apt-get update \
 && apt-get install -y --no-install-recommends libclang-dev libssl-dev pkg-config \
 && rm -rf /var/lib/apt/lists/* \
 && cargo install cargo-chef --locked --version 0.1.78
WORKDIR /source

# What the dependencies depend on: the manifests and the lock file, without our sources. All rooms, so that the lock file stays true.
FROM tools AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

# A layer of its own for RocksDB, librdkafka and the crates: it is built again when a dependency changes, and only then.
FROM tools AS build
# The final image has OpenSSL and the C++ library, but no zlib.
ENV LIBZ_SYS_STATIC=1
COPY --from=plan /source/recipe.json recipe.json
RUN cargo chef cook --release --locked --bin stream-worker --recipe-path recipe.json
COPY . .
# Names of functions stay for backtraces; line tables are two thirds of the file.
RUN cargo build --release --locked --bin stream-worker \
 && install -D -m 0755 target/release/stream-worker /image/usr/local/bin/stream-worker \
 && strip --strip-debug /image/usr/local/bin/stream-worker \
 && mkdir -p /image/var/lib/holdfast

# glibc, OpenSSL, the C++ library, authorities and time zones of the same Debian: no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
# The user `nonroot`, by number: Kubernetes checks runAsNonRoot by it.
COPY --from=build --chown=65532:65532 /image/ /
USER 65532:65532
WORKDIR /var/lib/holdfast
ENV DATA_DIR=/var/lib/holdfast/data \
    HTTP_ADDR=0.0.0.0:3000
VOLUME /var/lib/holdfast
EXPOSE 3000
# No HEALTHCHECK: without a shell only the worker itself could ask, and what a container's engine restarts must be asked
# /health/live. docker-compose.yml and Kubernetes' probes have checks of their own.
# SIGTERM: finish, commit, release the places, within 10 s.
STOPSIGNAL SIGTERM
ENTRYPOINT ["stream-worker"]
CMD ["run"]
