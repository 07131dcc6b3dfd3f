"""What serials and logistic units are called: one canonical form each, a GS1 Digital Link where there is one.

`https://id.gs1.org/01/<gtin14>/21/<serial>`, `https://id.gs1.org/00/<sscc>`, and for serials of products without a
GTIN, which GS1 has no form for, `urn:fleettrack:serial:<issuer>:<product>:<serial>`; values percent-encoded.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib import parse as urls

import msgspec

from fleettrack.domain import errors
from fleettrack.serials import gs1

RESOLVER = "https://id.gs1.org"
OWN = "urn:fleettrack:serial"
OWN_SERIAL_MAX = 100

_LINK = re.compile(r"https?://[^/?#]+(/[^?#]*)", re.IGNORECASE)
_ENCODED_LINK = re.compile(r"(https?%3a|urn%3a)", re.IGNORECASE)


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """The canonical form (`ref`) beside the parts it was made of."""

    ref: str
    kind: Literal["serial", "unit"]
    code: str  # the bare serial, or the SSCC
    gtin: str | None = None
    issuer: str | None = None  # a party's reference, where there is no GTIN
    product: str | None = None


def sgtin(gtin: str, serial: str) -> Name:
    """Name one unit of a product by its GTIN (8 to 14 digits) and serial.

    Raises:
        Invalid: either is malformed.
    """
    gtin, serial = gs1.gtin14(gtin), gs1.serial(serial)
    return Name(ref=f"{RESOLVER}/01/{gtin}/21/{_quoted(serial)}", kind="serial", code=serial, gtin=gtin)


def sscc(code: str) -> Name:
    """Name a logistic unit.

    Raises:
        Invalid: the SSCC is malformed.
    """
    return Name(ref=f"{RESOLVER}/00/{gs1.sscc(code)}", kind="unit", code=code)


def own(issuer: str, product: str, serial: str) -> Name:
    """Name a serial by the issuer's reference and its own product code.

    Raises:
        Invalid: the serial is empty, too long, or has control characters.
    """
    if not 1 <= len(serial) <= OWN_SERIAL_MAX:
        raise errors.Invalid(f"a serial has 1 to {OWN_SERIAL_MAX} characters, this has {len(serial)}")
    if not (serial + product + issuer).isprintable():
        raise errors.Invalid("a serial has no control characters")
    ref = ":".join((OWN, _quoted(issuer), _quoted(product), _quoted(serial)))
    return Name(ref=ref, kind="serial", code=serial, issuer=issuer, product=product)


def parse(text: str) -> Name | None:
    """Read a Digital Link of any host, or our own form, whole or percent-encoded once more; None for a bare code.

    Raises:
        Invalid: it has the form of a link, but names no serial or unit, or a malformed one.
    """
    if ":" not in text and "%" not in text:
        return None
    if _ENCODED_LINK.match(text):
        text = urls.unquote(text)
    if text.startswith(OWN + ":"):
        parts = text.removeprefix(OWN + ":").split(":")
        if len(parts) != 3:
            raise errors.Invalid(f"a serial of one's own is written {OWN}:<issuer>:<product>:<serial>")
        return own(*(_unquoted(p) for p in parts))
    link = _LINK.fullmatch(re.split(r"[?#]", text, maxsplit=1)[0])
    if link is None:
        return None
    parts = link.group(1).strip("/").split("/")
    pairs = dict(zip(parts[-2::-2], parts[-1::-2], strict=False))  # from the right: the host may add a path before
    if "01" in pairs and "21" in pairs:
        return sgtin(_unquoted(pairs["01"]), _unquoted(pairs["21"]))
    if "00" in pairs:
        return sscc(_unquoted(pairs["00"]))
    raise errors.Invalid("this link names neither a serial (/01/…/21/…) nor a logistic unit (/00/…)")


def _quoted(value: str) -> str:
    return urls.quote(value, safe="")


def _unquoted(value: str) -> str:
    try:
        return urls.unquote(value, errors="strict")
    except UnicodeDecodeError as exc:
        raise errors.Invalid("the percent-encoding is not of UTF-8 text") from exc
