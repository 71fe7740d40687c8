"""How a station's password is recognised: as it is, or by what is kept of it. Pure.

Theory of operation. A password is whatever bytes a station sends in its Basic credentials. OCPP
2.x sends text as UTF-8; OCPP 1.6 has the key `AuthorizationKey`, which is written in hexadecimal,
and sends the bytes that it stands for (1.6 security whitepaper), or, some stations, the
hexadecimal text itself. So a password of hexadecimal digits is recognised in both forms.

What is random with 128 bits or more cannot be guessed, and a fast keyed hash keeps it: ten
thousand stations that come back at once cost nothing. What people have chosen is kept by scrypt,
which costs time and memory each time it is tried (security.md, 3).
"""

import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from hashlib import scrypt, sha256
from typing import ClassVar, Final, Protocol, Self

_PURPOSE: Final = b"station password\x00"
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")


class Password(Protocol):
    """What a password is recognised by."""

    slow: ClassVar[bool]
    """Whether `matches` takes so long that it must not be called where others wait."""

    @property
    def identity(self) -> bytes:
        """What tells this password from another one; as secret as the password."""

    def matches(self, sent: bytes) -> bool:
        """Say whether this is what a station has sent."""


@dataclass(frozen=True, slots=True)
class PlainPassword:
    """A password as it is."""

    slow: ClassVar[bool] = False

    identity: bytes = field(repr=False)
    hexadecimal: bool = False
    """Whether `identity` are the bytes of a hexadecimal text."""

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Return the password that is this text, in UTF-8."""
        return cls(text.encode())

    @classmethod
    def of_hex(cls, text: str) -> Self:
        """Return the password of these hexadecimal digits. Raises ValueError."""
        if _HEX.fullmatch(text) is None:
            raise ValueError("must be an even number of hexadecimal digits")
        return cls(bytes.fromhex(text), hexadecimal=True)

    def matches(self, sent: bytes) -> bool:
        """Say whether this is what a station has sent."""
        matches = hmac.compare_digest(sent, self.identity)
        if self.hexadecimal:
            matches |= hmac.compare_digest(sent.lower(), self.identity.hex().encode())
        return matches


@dataclass(frozen=True, slots=True)
class KeyedPassword:
    """A random password, made by the bridge, as HMAC-SHA256 with the key of the installation."""

    slow: ClassVar[bool] = False

    key: bytes = field(repr=False)
    salt: str
    digest: str

    @property
    def identity(self) -> bytes:
        """What tells this password from another one."""
        return self.digest.encode()

    def matches(self, sent: bytes) -> bool:
        """Say whether this is what a station has sent, as text or as the bytes that it names."""
        as_text, as_bytes = (
            hmac.compare_digest(keyed_digest(self.key, self.salt, form), self.digest)
            for form in (sent.lower(), sent.hex().encode())
        )
        return as_text or as_bytes


def keyed_digest(key: bytes, salt: str, secret: bytes) -> str:
    """Return what is kept of a random secret, in hexadecimal."""
    return hmac.digest(key, _PURPOSE + salt.encode() + b"\x00" + secret, sha256).hex()


_SCRYPT: Final = re.compile(
    r"\$scrypt\$ln=(?P<ln>\d{1,2}),r=(?P<r>\d{1,2}),p=(?P<p>\d{1,2})"
    r"\$(?P<salt>[A-Za-z0-9+/]+)\$(?P<digest>[A-Za-z0-9+/]+)"
)
_LOG_COST: Final = 15
_BLOCK_SIZE: Final = 8
_DIGEST_BYTES: Final = 32
_LEAST_SALT_BYTES: Final = 8
_LEAST_DIGEST_BYTES: Final = 16
_MOST_MEMORY: Final = 256 * 1024 * 1024
_MOST_LANES: Final = 16


@dataclass(frozen=True, slots=True)
class ScryptPassword:
    """A password by its scrypt hash (RFC 7914), written `$scrypt$ln=15,r=8,p=1$salt$hash`.

    Salt and hash are in base 64 without padding, as in the PHC string format.
    """

    slow: ClassVar[bool] = True

    log_cost: int
    block_size: int
    lanes: int
    salt: bytes
    digest: bytes = field(repr=False)

    @classmethod
    def made_from(cls, text: str, salt: bytes) -> Self:
        """Return what is kept of a text; 32 MiB, and about 75 ms on a computer of 2024."""
        made = cls(_LOG_COST, _BLOCK_SIZE, 1, salt, bytes(_DIGEST_BYTES))
        return cls(_LOG_COST, _BLOCK_SIZE, 1, salt, made.hashed(text.encode()))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the written form. Raises ValueError with a sentence."""
        match = _SCRYPT.fullmatch(text)
        if match is None:
            raise ValueError(
                "must be $scrypt$ln=15,r=8,p=1$salt$hash, as"
                " `ocpp-mqtt-bridge stations hash-password` prints it"
            )
        try:
            salt, digest = (_unpadded(match[name]) for name in ("salt", "digest"))
        except Base64Error:
            raise ValueError("salt and hash must be base 64 without padding") from None
        read = cls(int(match["ln"]), int(match["r"]), int(match["p"]), salt, digest)
        if len(salt) < _LEAST_SALT_BYTES or len(digest) < _LEAST_DIGEST_BYTES:
            raise ValueError("the salt must have 8 bytes or more, the hash 16 or more")
        if not read.log_cost or not read.block_size or not 0 < read.lanes <= _MOST_LANES:
            raise ValueError("ln and r must be above 0, p must be 1 to 16")
        if read.memory_bytes > _MOST_MEMORY:
            raise ValueError("ln and r ask for more than 256 MiB of memory")
        return read

    def __str__(self) -> str:
        """Return the written form."""
        salt, digest = (b64encode(each).decode().rstrip("=") for each in (self.salt, self.digest))
        costs = f"ln={self.log_cost},r={self.block_size},p={self.lanes}"
        return f"$scrypt${costs}${salt}${digest}"

    @property
    def identity(self) -> bytes:
        """What tells this password from another one."""
        return str(self).encode()

    @property
    def memory_bytes(self) -> int:
        """What `matches` needs for a moment."""
        return 128 * self.block_size * ((1 << self.log_cost) + self.lanes)

    def matches(self, sent: bytes) -> bool:
        """Say whether this is what a station has sent."""
        return hmac.compare_digest(self.hashed(sent), self.digest)

    def hashed(self, secret: bytes) -> bytes:
        """Return the hash of a secret."""
        return scrypt(
            secret,
            salt=self.salt,
            n=1 << self.log_cost,
            r=self.block_size,
            p=self.lanes,
            maxmem=2 * self.memory_bytes,
            dklen=len(self.digest),
        )


def _unpadded(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4), validate=True)
