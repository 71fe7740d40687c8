"""Benchmark and kill -9 harness: drives a bridge over real sockets and knows none of its internals.

Everything that is measured runs as its own process and is reached only as its users reach it:
OCPP-J over a WebSocket on one side, MQTT on the other, and its process id for CPU and memory.
"""
