# syntax=docker/dockerfile:1
FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release && cp target/release/cadran /cadran && mkdir /data

# No shell, no package manager: the program, the C library and the certificates.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /cadran /usr/local/bin/cadran
COPY --from=build --chown=nonroot:nonroot /data /var/lib/cadran
USER nonroot:nonroot
WORKDIR /var/lib/cadran
VOLUME /var/lib/cadran
ENV CADRAN_CONFIG=/etc/cadran/cadran.toml
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["cadran", "health"]
ENTRYPOINT ["cadran"]
CMD ["serve"]
