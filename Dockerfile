# calrelay: one binary, every role. Debian 12 below, since that is what the tests run on.

FROM rust:1.95.0-slim-bookworm AS rust
WORKDIR /src

# What the dependencies follow from: the manifests, and no line of code. This is the same as long as they are, so that
# the layer in which the dependencies are built is used again whatever else has changed.
FROM rust AS manifests
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -path './*/src/lib.rs' ! -path './*/src/main.rs' -delete \
    && find . -name lib.rs -exec sh -c ': > "$1"' empty {} \; \
    && find . -name main.rs -exec sh -c 'echo "fn main() { }" > "$1"' empty {} \; \
    && for member in */Cargo.toml adapters/*/Cargo.toml; do \
        [ -e "${member%Cargo.toml}src" ] || { mkdir "${member%Cargo.toml}src" && : > "${member%Cargo.toml}src/lib.rs"; }; \
    done

FROM rust AS build
COPY --from=manifests /src .
RUN cargo build --release --locked --package calrelay
COPY . .
# Cargo goes by times, and those of the files are older than what was just built.
RUN find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
    && cargo build --release --locked --package calrelay \
# The tables of lines are most of the file. Names of functions stay, so that a backtrace says where.
    && strip --strip-debug target/release/calrelay

FROM debian:12.11-slim
LABEL org.opencontainers.image.title="calrelay" \
    org.opencontainers.image.description="A durable queue in front of Google Calendar" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0" \
    org.opencontainers.image.version="0.1.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/target/release/calrelay /usr/local/bin/
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/calrelay/
# The only place that is written to, and only by `calrelay run` and by a sandbox with a state file.
RUN install -d -o 65532 -g 65532 -m 0700 /data
VOLUME /data
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
WORKDIR /data
# Who is let in is decided by keys and by which ports are published.
ENV BIND=0.0.0.0 DATA_DIR=/data
EXPOSE 3001 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=75s CMD ["calrelay", "probe"]
ENTRYPOINT ["calrelay"]
