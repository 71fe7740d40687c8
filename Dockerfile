# The bridge as an image: docker build -t ocpp-mqtt-bridge .
# docs/how-to/run-as-a-service.md says how to run it, compose.yaml runs it beside a broker.
FROM python:3.11-slim AS build

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY bridge ./bridge
RUN python -m venv /opt/ocpp-mqtt-bridge \
    && /opt/ocpp-mqtt-bridge/bin/pip install --no-cache-dir '.[postgres]'

FROM python:3.11-slim

RUN useradd --system --uid 10001 --create-home --home-dir /data bridge
COPY --from=build /opt/ocpp-mqtt-bridge /opt/ocpp-mqtt-bridge

USER bridge
WORKDIR /data
VOLUME /data
EXPOSE 9000 8080
# Beyond the loopback the HTTP service asks everybody for a token.
ENV PATH=/opt/ocpp-mqtt-bridge/bin:$PATH \
    BRIDGE_BRIDGE__DATA_DIR=/data \
    BRIDGE_HTTP__LISTEN=0.0.0.0:8080
# The slim image has no curl. /healthz asks for no token.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["ocpp-mqtt-bridge"]
CMD ["run"]
