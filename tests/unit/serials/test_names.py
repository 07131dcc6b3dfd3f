from __future__ import annotations

import string
from urllib import parse as urls

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import errors
from fleettrack.serials import gs1, names

GTIN = "09506000134352"
CHARACTERS = string.ascii_letters + string.digits + "!\"%&'()*+,-./:;<=>?_"

serials = st.text(CHARACTERS, min_size=1, max_size=20)
printable = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs")), max_size=30)


@given(serials)
def test_a_link_reads_back_as_what_it_was_made_of(serial: str) -> None:
    name = names.sgtin(GTIN, serial)
    assert name.ref.startswith(f"https://id.gs1.org/01/{GTIN}/21/")
    assert set(name.ref) <= set(string.ascii_letters + string.digits + "-._~%:/")
    assert names.parse(name.ref) == name
    assert names.parse(urls.quote(name.ref, safe="")) == name
    assert name.code == serial


@given(serials, serials)
def test_different_serials_never_share_a_name(a: str, b: str) -> None:
    assert (names.sgtin(GTIN, a).ref == names.sgtin(GTIN, b).ref) == (a == b)


@given(printable, printable, printable.filter(bool))
def test_ones_own_serials_read_back(issuer: str, product: str, serial: str) -> None:
    name = names.own(issuer, product, serial)
    assert names.parse(name.ref) == name
    assert names.parse(urls.quote(name.ref, safe="")) == name


@pytest.mark.parametrize(
    "link",
    [
        f"https://id.gs1.org/01/{GTIN}/21/a%2Fb",
        f"http://ID.GS1.org/01/{GTIN}/21/a%2fb",
        f"https://shop.example/some/path/01/{GTIN}/21/a%2Fb?17=271231",
        f"https://id.gs1.org/01/{GTIN}/10/LOT1/21/a%2Fb",
        "https://id.gs1.org/01/9506000134352/21/a%2Fb#top",
        f"https%3A%2F%2Fid.gs1.org%2F01%2F{GTIN}%2F21%2Fa%252Fb",
    ],
)
def test_links_of_any_host_become_the_canonical_one(link: str) -> None:
    found = names.parse(link)
    assert found is not None
    assert found.ref == f"https://id.gs1.org/01/{GTIN}/21/a%2Fb"
    assert found.code == "a/b"


def test_units_have_links_too() -> None:
    found = names.parse("https://id.gs1.org/00/106141412345678908")
    assert found == names.sscc("106141412345678908")
    assert found.kind == "unit"


@pytest.mark.parametrize("code", ["0012", "106141412345678908", "a/b", "", " x", "21/0012", "https", "%41"])
def test_bare_codes_are_no_links(code: str) -> None:
    assert names.parse(code) is None


@pytest.mark.parametrize(
    "link",
    [
        "https://id.gs1.org/01/09506000134353/21/1",
        "https://id.gs1.org/00/106141412345678900",
        f"https://id.gs1.org/01/{GTIN}",
        f"https://id.gs1.org/01/{GTIN}/21/",
        f"https://id.gs1.org/01/{GTIN}/21/{'x' * 21}",
        f"https://id.gs1.org/01/{GTIN}/21/%FF",
        "https://example.com/",
        "urn:fleettrack:serial:a:b",
        "urn:fleettrack:serial:a:b:",
        "urn:fleettrack:serial:a:b:%00",
    ],
)
def test_links_that_name_nothing_are_refused(link: str) -> None:
    with pytest.raises(errors.Invalid):
        names.parse(link)


@given(st.text(max_size=60))
def test_any_text_is_a_link_a_code_or_refused(text: str) -> None:
    try:
        found = names.parse(text)
    except errors.Invalid:
        return
    assert found is None or names.parse(found.ref) == found


@pytest.mark.parametrize("serial", ["0012", "12"])
def test_leading_zeros_stay(serial: str) -> None:
    assert names.sgtin(GTIN, serial).code == serial == gs1.serial(serial)
