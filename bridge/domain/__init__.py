"""The rules of charging, metering and arbitration, without any I/O.

Nothing here waits, reads a clock, knows a wire format or logs: time, ids and settings are
arguments; what shall happen outside is returned as effects. See `station.handle`.
"""
