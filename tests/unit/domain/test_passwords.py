"""How passwords are recognised: text, bytes, and what is kept of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.passwords import KeyedPassword, PlainPassword, ScryptPassword, keyed_digest

KEY = b"key of the installation"
SECRET = "00ff" * 10
QUICK = "$scrypt$ln=4,r=1,p=1$c2FsdHNhbHQ$"


def kept(secret: str = SECRET, key: bytes = KEY) -> KeyedPassword:
    return KeyedPassword(KEY, "salt", keyed_digest(key, "salt", secret.encode()))


def test_a_text_is_recognised_by_its_utf_8() -> None:
    password = PlainPassword.of_text("p\u00e4ss")
    assert password.matches("p\u00e4ss".encode())
    assert not password.matches("p\u00e4ss".encode("latin-1"))
    assert not password.matches(b"")


@pytest.mark.parametrize("sent", [bytes.fromhex(SECRET), SECRET.encode(), SECRET.upper().encode()])
def test_hexadecimal_is_recognised_as_bytes_and_as_digits(sent: bytes) -> None:
    assert PlainPassword.of_hex(SECRET).matches(sent)
    assert kept().matches(sent)


@given(st.binary(max_size=40))
def test_nothing_else_is_recognised(sent: bytes) -> None:
    right = sent == bytes.fromhex(SECRET) or sent.lower() == SECRET.encode()
    assert kept().matches(sent) is right
    assert PlainPassword.of_hex(SECRET).matches(sent) is right


def test_without_the_key_nothing_can_be_tried() -> None:
    assert not kept(key=b"another").matches(SECRET.encode())


def test_what_is_no_hexadecimal_is_refused() -> None:
    with pytest.raises(ValueError, match="even number of hexadecimal digits"):
        PlainPassword.of_hex("abc")


def test_a_hash_reads_as_it_is_written_and_takes_only_its_password() -> None:
    made = ScryptPassword.made_from("correct horse", b"0123456789abcdef")
    assert str(made).startswith("$scrypt$ln=15,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$")
    read = ScryptPassword.parse(str(made))
    assert read == made
    assert read.matches(b"correct horse")
    assert not read.matches(b"correct hors")


def test_a_hash_that_others_have_made_is_the_same() -> None:
    """The third test vector of RFC 7914, 12."""
    digest = bytes.fromhex(
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    )
    password = ScryptPassword(14, 8, 1, b"SodiumChloride", digest)
    assert ScryptPassword.parse(str(password)).matches(b"pleaseletmein")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("secret", "hash-password"),
        ("$scrypt$ln=15,r=8,p=1$c2FsdHNhbHQ$A", "base 64"),
        (f"{QUICK}AAAA", "16 or more"),
        (f"{QUICK.replace('c2FsdHNhbHQ', 'c2FsdA')}{'A' * 22}", "8 bytes or more"),
        (f"{QUICK.replace('ln=4', 'ln=0')}{'A' * 22}", "above 0"),
        (f"{QUICK.replace('r=1', 'r=0')}{'A' * 22}", "above 0"),
        (f"{QUICK.replace('p=1', 'p=17')}{'A' * 22}", "1 to 16"),
        (f"{QUICK.replace('ln=4', 'ln=99')}{'A' * 22}", "256 MiB"),
    ],
)
def test_a_hash_that_cannot_be_used_is_explained(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ScryptPassword.parse(text)


def test_secrets_are_not_shown() -> None:
    shown = repr((PlainPassword.of_text("canary"), kept(), PlainPassword.of_hex("c0ffee")))
    assert "canary" not in shown
    assert "c0" not in shown
    assert KEY.decode() not in shown
