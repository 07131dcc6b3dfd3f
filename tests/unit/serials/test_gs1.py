from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import errors
from fleettrack.serials import gs1

digits = st.text("0123456789", min_size=7, max_size=17)


@given(digits)
def test_a_wrong_digit_anywhere_is_found(body: str) -> None:
    whole = body + gs1.check_digit(body)
    for i, c in enumerate(whole):
        other = whole[:i] + str((int(c) + 1) % 10) + whole[i + 1 :]
        assert gs1.check_digit(other[:-1]) != other[-1]


@pytest.mark.parametrize(
    ("text", "gtin"),
    [
        ("80614141123458", "80614141123458"),
        ("9506000134352", "09506000134352"),
        ("614141000036", "00614141000036"),
        ("96385074", "00000096385074"),
    ],
)
def test_gtins_of_all_lengths_become_14_digits(text: str, gtin: str) -> None:
    assert gs1.gtin14(text) == gtin


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("80614141123459", "check digit of this GTIN should be 8"),
        ("8061414112345", "check digit"),
        ("806141411234", "check digit"),
        ("123", "8 or 12 or 13 or 14 digits, this has 3"),
        ("", "digits only"),
        ("８0614141123458", "digits only"),
        (" 80614141123458", "digits only"),
    ],
)
def test_what_is_no_gtin_says_why(text: str, reason: str) -> None:
    with pytest.raises(errors.Invalid, match=reason):
        gs1.gtin14(text)


def test_sscc_and_gln_have_their_own_lengths() -> None:
    assert gs1.sscc("106141412345678908") == "106141412345678908"
    assert gs1.gln("0614141000005") == "0614141000005"
    with pytest.raises(errors.Invalid, match="18 digits, this has 13"):
        gs1.sscc("0614141000005")
    with pytest.raises(errors.Invalid, match="check digit of this SSCC should be 8"):
        gs1.sscc("106141412345678900")


@pytest.mark.parametrize("text", ["0012", "12", "aB-_.", "!\"%&'()*+,", "/:;<=>?", "A" * 20])
def test_serials_are_taken_as_they_are(text: str) -> None:
    assert gs1.serial(text) == text == gs1.lot(text)


@pytest.mark.parametrize(
    "text", ["", "A" * 21, " 12", "12 ", "1\n", "ä", "a#", "a[", "a\\", "a^", "a`", "a{", "a@", "a$"]
)
def test_serials_are_not_trimmed_and_not_mended(text: str) -> None:
    with pytest.raises(errors.Invalid, match="serial"):
        gs1.serial(text)


@pytest.mark.reference
def test_recorded_vectors(reference: Path) -> None:
    path = reference / "data" / "identifiers" / "gs1_vectors.json"
    vectors = json.loads(path.read_text())
    for case in vectors["sgtin96"]:
        if "element" in case:
            assert gs1.gtin14(case["element"][4:18]) in case["dl"]
    for case in vectors["sscc96"]:
        assert gs1.sscc(case["element"][4:]) in case["dl"]
    for case in vectors["reject"]:
        if "check digit" in case["why"]:
            key = gs1.gtin14 if case["element"].startswith("(01)") else gs1.sscc
            with pytest.raises(errors.Invalid, match="check digit"):
                key(case["element"][4 : 18 if key is gs1.gtin14 else None])
