"""Where a connection comes from."""

import asyncio


def remote_of(transport: asyncio.BaseTransport) -> str:
    """Return address and port of the other end, `host:port`; "" where it has none."""
    peer = transport.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else ""


def host_of(remote: str) -> str:
    """Return the host of `host:port`."""
    return remote.rpartition(":")[0]
