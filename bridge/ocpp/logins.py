"""How often somebody may fail to log in. Pure; security.md, 2.

Theory of operation. A failure is counted three times: for the station from this network, for the
station from anywhere, and, where the two were not seen together lately, for the network. So
guesses at one station are limited wherever they come from, guesses at many stations from one
network as well, and one station with a wrong password does not lock out the others behind the
same router. Where a bucket is empty, credentials are not looked at and the answer is that to
wrong ones; failures beyond it cost more and more time.

The network from which a station has logged in last is trusted with it: there it has a bucket of
its own, so that nobody who guesses elsewhere keeps the real station out. A connection that is
open is not touched by any of this.
"""

import ipaddress
from collections import OrderedDict
from typing import Final

from bridge.domain.ids import StationId
from bridge.ocpp.addresses import host_of
from bridge.ocpp.buckets import Buckets

FAILURES: Final = 5
"""Failures at once; one more comes every `EVERY_SECONDS`."""
EVERY_SECONDS: Final = 12.0
LONGEST_SECONDS: Final = 300.0
"""What one further failure costs at most."""
REMEMBERED_STATIONS: Final = 20_000
"""Stations of which is known from where they have logged in."""
_IPV6_PREFIX: Final = 64
"""One customer's network, in which an address can be had for the asking."""

_Pair = tuple[StationId, str]


def network_of(remote: str) -> str:
    """Return whom an address (`host:port`) is counted for: itself, or its /64 in IPv6."""
    host = host_of(remote)
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False).network_address)


class Logins:
    """Counts failed logins; time is the owner's, in s of any monotonic clock."""

    def __init__(self) -> None:
        self._pairs: Buckets[_Pair] = _buckets()
        self._stations: Buckets[StationId] = _buckets()
        self._networks: Buckets[str] = _buckets()
        self._trusted: OrderedDict[StationId, str] = OrderedDict()

    def allowed(self, station_id: StationId, remote: str, now: float) -> bool:
        """Say whether the credentials of an attempt are looked at."""
        network = network_of(remote)
        pair = (station_id, network)
        if not self._pairs.allows(pair, now):
            return False
        if self._trusted.get(station_id) == network:
            return True
        if not self._stations.allows(station_id, now):
            return False
        return self._pairs.knows(pair, now) or self._networks.allows(network, now)

    def failed(self, station_id: StationId, remote: str, now: float) -> bool:
        """Count a failure; say whether it was the last one for now."""
        network = network_of(remote)
        pair = (station_id, network)
        if not self._pairs.knows(pair, now):
            self._networks.take(network, now)
        self._pairs.take(pair, now)
        if self._trusted.get(station_id) != network:
            self._stations.take(station_id, now)
        return not self.allowed(station_id, remote, now)

    def succeeded(self, station_id: StationId, remote: str) -> None:
        """Trust this network with this station."""
        network = network_of(remote)
        self._pairs.refill((station_id, network))
        self._trusted[station_id] = network
        self._trusted.move_to_end(station_id)
        if len(self._trusted) > REMEMBERED_STATIONS:
            self._trusted.popitem(last=False)


def _buckets() -> Buckets:  # type: ignore[type-arg]  # each of its own keys
    return Buckets(burst=FAILURES, every_seconds=EVERY_SECONDS, longest_seconds=LONGEST_SECONDS)
