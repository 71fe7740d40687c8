"""The connection to the broker: the one place that knows paho.

Theory of operation. paho's client is driven by the event loop's reader and writer callbacks and
a timer, without its thread; only connecting, which blocks on DNS, TCP and TLS, happens in an
executor. Its own inflight window is switched off (it scans everything in flight on each PUBACK);
the window is ours, from the broker's Receive Maximum. The session starts clean with the process
and is resumed on reconnects within it; what was in flight when a connection died is reported as
`LOST`, since the publisher knows better than paho what is still worth sending.
"""
