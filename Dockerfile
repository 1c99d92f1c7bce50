# syntax=docker/dockerfile:1
# The worker in a container: docker build -t stream-worker .
#   docker run -p 3000:3000 -v holdfast:/var/lib/holdfast stream-worker                      on the embedded log
#   docker run -p 3000:3000 -e KAFKA_BROKERS=kafka-1:29092,… --network … stream-worker       on Kafka

FROM rust:1.95.0-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends libclang-dev libssl-dev pkg-config zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
# The image brings the toolchain; rust-toolchain.toml would fetch rustfmt and clippy too, which nobody needs here.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target \
    CARGO_TARGET_DIR=/target cargo build --release --locked --bin stream-worker \
 && install -m 0755 /target/release/stream-worker /usr/local/bin/stream-worker

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libssl3 libstdc++6 zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/holdfast --create-home holdfast
COPY --from=build /usr/local/bin/stream-worker /usr/local/bin/stream-worker
USER holdfast
WORKDIR /var/lib/holdfast
ENV DATA_DIR=/var/lib/holdfast/data \
    HTTP_ADDR=0.0.0.0:3000
VOLUME /var/lib/holdfast
EXPOSE 3000
# Alive, not ready: a worker that restores its state is healthy and must not be restarted for it.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=6 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/3000 && printf 'GET /health/live HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
# SIGTERM: finish, commit, release the places, within 10 s.
STOPSIGNAL SIGTERM
ENTRYPOINT ["stream-worker"]
CMD ["run"]
