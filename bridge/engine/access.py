"""What is asked of each station that connects, and the passwords that the bridge gives them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from bridge.domain import credentials
from bridge.domain.credentials import Access, GivenPassword, GoodPassword, NewPassword
from bridge.domain.ids import StationId
from bridge.domain.model import Station
from bridge.domain.passwords import KeyedPassword, Password, keyed_digest
from bridge.domain.settings import StationAuth, StationSettings
from bridge.ports import Clock

SECRET_BYTES: Final = 20
"""160 random bits: the most that OCPP 1.6 takes, and as 40 hexadecimal digits what 2.x takes."""
_SALT_BYTES: Final = 16
_FINGERPRINT_LENGTH: Final = 16


class AccessRules:
    """Puts together what the configuration says and what the stations' records remember."""

    def __init__(
        self,
        *,
        key: bytes,
        configured: Callable[[StationId], Password | None],
        random: Callable[[int], bytes],
        clock: Clock,
        tls: bool,
    ) -> None:
        """Take the installation's key, the configured passwords and whether TLS is listened for."""
        self._key = key
        self._configured = configured
        self._random = random
        self._clock = clock
        self._tls = tls

    def of(
        self, station_id: StationId, station: Station | None, settings: StationSettings
    ) -> Access:
        """Return what is asked of a station, whose record is None where it was never here."""
        known = station.credentials if station else credentials.NO_CREDENTIALS
        configured = self._configured(station_id)
        given, also_configured = credentials.good(known, self._fingerprint(station_id))
        required = settings.require_tls
        if required is None:
            required = self._tls and known.used_tls
        return Access(
            auth=settings.auth,
            needs_tls=required or settings.auth is StationAuth.MTLS,
            used_tls=known.used_tls,
            passwords=tuple(self._good(given, configured if also_configured else None)),
            outdated=tuple(each.digest for each in known.passwords if each not in given),
        )

    def _good(
        self, given: Iterable[GivenPassword], configured: Password | None
    ) -> Iterator[GoodPassword]:
        for each in given:
            yield GoodPassword(KeyedPassword(self._key, each.salt, each.digest), each)
        if configured is not None:
            yield GoodPassword(configured)

    def new_password(self, station_id: StationId) -> NewPassword:
        """Return a password that a station is to be given."""
        secret = self._random(SECRET_BYTES).hex()
        salt = self._random(_SALT_BYTES).hex()
        given = GivenPassword(
            salt=salt,
            digest=keyed_digest(self._key, salt, secret.encode()),
            given_at=self._clock.now(),
            instead_of=self._fingerprint(station_id),
        )
        return NewPassword(secret=secret, given=given)

    def _fingerprint(self, station_id: StationId) -> str | None:
        """Return what tells the configured password from one that is written there later."""
        configured = self._configured(station_id)
        if configured is None:
            return None
        return keyed_digest(self._key, station_id, configured.identity)[:_FINGERPRINT_LENGTH]
