FROM python:3.11-slim

RUN useradd --system --uid 10001 --create-home --home-dir /data bridge
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY bridge ./bridge
RUN pip install --no-cache-dir ".[postgres]"

USER bridge
WORKDIR /data
VOLUME /data
EXPOSE 9000
ENV BRIDGE_BRIDGE__DATA_DIR=/data
ENTRYPOINT ["ocpp-mqtt-bridge"]
CMD ["run"]
