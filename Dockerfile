# syntax=docker/dockerfile:1

# docker build -t portcullis . && docker run -e PORTCULLIS_ISSUER=https://id.example.org -p 8080:8080 -v portcullis:/data portcullis
#
# Any command of the binary runs the same way: docker run --rm -v portcullis:/data portcullis client --help

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY config config
COPY migrations migrations
COPY templates templates
COPY static static
COPY src src
# The manifest names a test and a benchmark; a build of the binary needs no more of them than their names.
RUN mkdir -p tests/it benches/server && touch tests/it/main.rs benches/server/main.rs benches/functions.rs
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin portcullis && \
    install -D target/release/portcullis /out/usr/local/bin/portcullis && \
    install -d /out/data

# glibc, libgcc, time zones and the public certificate authorities; no shell, no package manager. An authority of your
# own: mount a bundle and name it in SSL_CERT_FILE.
FROM gcr.io/distroless/cc-debian12:nonroot AS runtime
COPY --from=build /out/usr/local/bin/portcullis /usr/local/bin/portcullis
# A new volume takes its owner from this folder.
COPY --from=build --chown=65532:65532 /out/data /data
# For every command alike, so that `user create` works on the server's own database.
ENV PORTCULLIS_SERVER__DATA_DIR=/data PORTCULLIS_SERVER__LISTEN=0.0.0.0:8080
WORKDIR /data
VOLUME /data
USER 65532:65532
EXPOSE 8080
# Asks where the environment says that the server listens, over TLS if it names a certificate.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/portcullis", "health", "--live"]
ENTRYPOINT ["/usr/local/bin/portcullis"]
CMD ["serve"]
