"""GS1 keys: lengths, check digits and the characters of serials, verified here because libraries differ.

Source: GS1 General Specifications, sections 7.9 (check digit) and 7.11 (the 82 characters of AI 10 and 21).
"""

from __future__ import annotations

import functools
import re

from fleettrack.domain import errors

GTIN_LENGTHS = (8, 12, 13, 14)
SSCC_LENGTH = 18
GLN_LENGTH = 13

_DIGITS = re.compile(r"[0-9]+")
_TEXT_20 = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}")


def check_digit(digits: str) -> str:
    """Return the digit that follows these: weights 3, 1, 3, … from the right, modulo 10."""
    total = 3 * sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2]))
    return str(-total % 10)


@functools.lru_cache(4_096)  # products are few where serials are many
def gtin14(text: str) -> str:
    """Return a GTIN of 8, 12, 13 or 14 digits in its form of 14.

    Raises:
        Invalid: it is none; the message says why.
    """
    return _checked(text, "GTIN", GTIN_LENGTHS).zfill(14)


def sscc(text: str) -> str:
    """Return an SSCC, which has 18 digits.

    Raises:
        Invalid: it is none; the message says why.
    """
    return _checked(text, "SSCC", (SSCC_LENGTH,))


def gln(text: str) -> str:
    """Return a GLN, which has 13 digits.

    Raises:
        Invalid: it is none; the message says why.
    """
    return _checked(text, "GLN", (GLN_LENGTH,))


def _checked(text: str, key: str, lengths: tuple[int, ...]) -> str:
    if not _DIGITS.fullmatch(text):
        raise errors.Invalid(f"a {key} has digits only")
    if len(text) not in lengths:
        raise errors.Invalid(f"a {key} has {' or '.join(map(str, lengths))} digits, this has {len(text)}")
    expected = check_digit(text[:-1])
    if text[-1] != expected:
        raise errors.Invalid(f"the check digit of this {key} should be {expected}")
    return text


def serial(text: str) -> str:
    """Return a serial as AI 21 has it: case-sensitive, never trimmed.

    Raises:
        Invalid: it is empty, longer than 20, or has a character that GS1 does not allow.
    """
    return _text_20(text, "serial")


def lot(text: str) -> str:
    """Return a lot as AI 10 has it.

    Raises:
        Invalid: it is empty, longer than 20, or has a character that GS1 does not allow.
    """
    return _text_20(text, "lot")


def _text_20(text: str, what: str) -> str:
    if _TEXT_20.fullmatch(text):
        return text
    if not 1 <= len(text) <= 20:
        raise errors.Invalid(f"a {what} has 1 to 20 characters, this has {len(text)}")
    wrong = next(c for c in text if not _TEXT_20.fullmatch(c))
    raise errors.Invalid(f"the character {wrong!r} cannot be in a {what} (GS1 AI 82)")
