"""Manifests of consignments whose serials lie in cases, and these on pallets."""

from __future__ import annotations

from collections.abc import Iterator

from fleettrack.serials import gs1

GTIN = "04012345678901"[:13]
CASE, PALLET = 50, 40  # serials in a case, cases on a pallet
COMPANY = "0401234567"


def gtin() -> str:
    """Return the product's GTIN."""
    return GTIN + gs1.check_digit(GTIN)


def serials(number: int, count: int) -> list[str]:
    """Return the serials of a consignment."""
    return [f"S{number:02d}{i:08d}" for i in range(count)]


def links(number: int, count: int) -> list[str]:
    """Return the same in canonical form."""
    return [f"https://id.gs1.org/01/{gtin()}/21/{serial}" for serial in serials(number, count)]


def manifest(number: int, count: int) -> bytes:
    """Return a manifest of one consignment from A to B with so many serials."""
    return "\n".join(_rows(number, count)).encode()


def _rows(number: int, count: int) -> Iterator[str]:
    ref, product = consignment(number), gtin()
    yield "consignment,consignor,consignee,carrier,stop,place,role,unit,parent_unit,gtin,serial"
    yield f"{ref},SHIPPER,RECEIVER,CARRIER,1,A,pickup,,,,"
    yield f"{ref},SHIPPER,RECEIVER,CARRIER,2,B,drop,,,,"
    cases = -(-count // CASE)
    for case in range(cases):
        yield f"{ref},,,,,,,{_sscc(number, case)},{_sscc(number, cases + case // PALLET)},,"
    for i, serial in enumerate(serials(number, count)):
        yield f"{ref},,,,,,,{_sscc(number, i // CASE)},,{product},{serial}"


def consignment(number: int) -> str:
    """Return the reference of a consignment."""
    return f"C{number}"


def _sscc(number: int, unit: int) -> str:
    digits = f"3{COMPANY}{number:02d}{unit:04d}"
    return digits + gs1.check_digit(digits)
