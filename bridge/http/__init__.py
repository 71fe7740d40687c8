"""The HTTP service: the documents, commands and results of MQTT, health and metrics.

A FastAPI application on uvicorn in the bridge's own event loop. It knows ports and `bridge.api`
only: what a station is comes from `ports.StationBook`, a command goes in at `ports.Inbox` with
source API, and what became of it comes back by `ports.OnResults`.
"""
