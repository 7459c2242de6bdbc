"""A key is cut out of a text in whatever encoding a server echoes it, in linear time, and nothing else is touched."""

import base64
import time
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.backends._secret import ENCODED_CHARS, MASK, SECRET_CHARS, Secret

CHARS = "".join(map(chr, range(33, 127)))
keys = st.text(st.sampled_from(CHARS), min_size=ENCODED_CHARS, max_size=60)
around = st.binary(max_size=7)


def core(encoded: str) -> str:
    """Without the ends, whose characters hold bits of what stands beside the key."""
    return encoded.rstrip("=")[6:-6]


@settings(deadline=None)
@given(keys, around, around)
def test_base64_of_a_key_and_its_neighbours_is_masked(key: str, before: bytes, after: bytes) -> None:
    raw = before + key.encode() + after
    for encoded in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        hidden = Secret(key).hide_in(f"Authorization: Basic {encoded} was refused")
        assert MASK in hidden
        inner = base64.b64encode(bytes(len(before) % 3) + key.encode()).decode()
        assert core(inner)[:8] not in hidden
        assert hidden.endswith(" was refused")


@settings(deadline=None)
@given(keys)
def test_every_other_encoding_is_masked(key: str) -> None:
    secret = Secret(key)
    for said in (
        key,
        key.upper(),
        key.lower(),
        key.swapcase(),
        key[::-1],
        key.encode().hex(),
        key.encode().hex().upper(),
    ):
        hidden = secret.hide_in(f"<{said}>")
        assert hidden == f"<{MASK}>" or key[0] in "<>" or key[-1] in "<>"
    for said in (
        urllib.parse.quote(key, safe=""),
        urllib.parse.quote(urllib.parse.quote(base64.b64encode(key.encode()), safe=""), safe=""),
        "".join(f"&amp;#{ord(char)};" for char in key),
        "".join(f"\\u005cu{ord(char):04x}" for char in key),
    ):
        hidden = secret.hide_in(f"a {said} b")
        assert MASK in hidden
        assert said not in hidden


@settings(deadline=None)
@given(st.text(max_size=200))
def test_a_text_without_the_key_stays_as_it_is(text: str) -> None:
    assert Secret("sk-proj-0123456789abcdef").hide_in(text) == text


def test_answers_with_signs_stay_as_they_are() -> None:
    secret = Secret("sk-proj-0123456789abcdef")
    for text in (
        r"\frac{1}{2} \xi \u0041 \x41",
        "100%25 of 50 %20",
        "a &lt; b &amp;&amp; c",
        "sk-proj-",
        "\\" * 9,
        "İſK",
    ):
        assert secret.hide_in(text) == text


def test_a_short_key_is_masked_as_it_is_alone() -> None:
    key = "Abcdefghijk"
    assert SECRET_CHARS <= len(key) < ENCODED_CHARS
    secret = Secret(key)
    assert secret.hide_in(f"{key} {key.lower()} {key[::-1]}") == f"{MASK} {key.lower()} {key[::-1]}"
    assert secret.hide_in("%41bcdefghijk") == MASK
    assert Secret("EMPTY").hide_in("EMPTY") == "EMPTY"


@pytest.mark.parametrize(
    "text",
    [
        "\\" * 400_000,
        "s\\" * 200_000,
        "%25" * 100_000,
        "&#0" * 100_000,
        "&amp;" * 80_000,
        "sk-proj-" * 50_000,
        "\\x" * 200_000,
    ],
    ids=lambda text: text[:6],
)
def test_a_hostile_text_costs_linear_time(text: str) -> None:
    """400,000 backslashes took hours: each began a search for the end of them."""
    secret = Secret("sk-proj-0123456789abcdef" * 3)
    began = time.process_time()
    secret.hide_in(text + "sk-proj-0123456789abcdef" * 3)
    assert time.process_time() - began < 5
