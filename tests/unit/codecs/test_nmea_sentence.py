"""What one sentence says: units, and the traps of fields that do not convert."""

from __future__ import annotations

import nmea_lines
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nmea_lines import GGA, RMC, decode, one, sealed, text

from fleettrack.domain import fix, units
from fleettrack.ingest.codecs.nmea import values


def fix_of(*bodies: str) -> fix.Fix:
    message = one(text(*bodies))
    assert isinstance(message, fix.Fix)
    return message


def refused(data: bytes, **settings: object) -> str:
    message = one(data, **settings)
    assert isinstance(message, fix.Reject)
    return message.reason


def test_rmc_speed_is_in_knots() -> None:
    assert fix_of(RMC).speed_cms == round(22.4 * 1852 / 3600 * 100)


@pytest.mark.parametrize(
    ("vtg", "cms"),
    [
        ("GPVTG,84.4,T,77.1,M,022.4,N,041.5,K,A", 1152),
        ("GPVTG,84.4,T,77.1,M,,N,36.0,K,A", 1000),
        ("GPVTG,84.4,T,,,022.4,N", 1152),
    ],
)
def test_vtg_speed_is_in_knots_or_km_per_hour(vtg: str, cms: int) -> None:
    position = fix_of("GPRMC,123519,A,4807.038,N,01131.000,E,,,230394,,", vtg)
    assert (position.speed_cms, position.course_ddeg) == (cms, 844)


def test_rmc_speed_outweighs_vtg() -> None:
    assert fix_of(RMC, "GPVTG,1.0,T,,M,1.0,N,1.8,K").speed_cms == 1152


def test_gga_gives_the_rest() -> None:
    position = fix_of(RMC, GGA)
    assert (position.altitude_dm, position.satellites, position.hdop_centi, position.quality) == (5454, 8, 90, 1)


def test_gns_gives_the_rest_where_there_is_no_gga() -> None:
    position = fix_of(RMC, "GNGNS,123519.250,4807.0380,N,01131.0000,E,AAN,14,1.3,250.8,50.0,,,V")
    assert (position.altitude_dm, position.satellites, position.hdop_centi, position.quality) == (2508, 14, 130, None)


@pytest.mark.parametrize(("course", "stored"), [("360.0", 0), ("359.96", 0), ("0.04", 0), ("", None), ("084.4", 844)])
def test_course(course: str, stored: int | None) -> None:
    assert fix_of(RMC.replace("084.4", course)).course_ddeg == stored


@pytest.mark.parametrize("speed", ["0.D", "nan", "inf", "1e3", "-1.0", "1_0", "99999"])
def test_a_field_that_cannot_be_meant_is_unknown_and_kept(speed: str) -> None:
    position = fix_of(RMC.replace("022.4", speed))
    assert position.speed_cms is None
    assert position.attributes == {"unreadable": {"spd_over_grnd": speed}}
    assert position.key == nmea_lines.RMC_KEY


def test_what_several_sentences_could_not_say_is_kept_together() -> None:
    position = fix_of(RMC.replace("022.4", "fast"), GGA.replace("545.4", "high"))
    assert position.attributes == {"unreadable": {"spd_over_grnd": "fast", "altitude": "high"}}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("4807.0380,N", ",N"), "malformed"),  # pynmea2 says latitude 0.0
        (("4807.0380,N", "4807.0380,"), "malformed"),  # and here, too
        (("4807.0380", "48x7.0380"), "malformed"),
        (("4807.0380", "nan"), "malformed"),
        (("4807.0380", "4867.0380"), "malformed"),  # 67 minutes
        (("4807.0380", "9100.0000"), "latitude"),
        (("4807.0380", "9000.0001"), "latitude"),
        (("01131.0000", "18000.0001"), "longitude"),
        (("123519.250", "126019.250"), "time"),
        (("123519.250", "1235"), "time"),
        (("123519.250", ""), "time"),
        (("230394", "310294"), "time"),
        (("230394", "2303"), "time"),
        ((",A,48", ",B,48"), "malformed"),
        ((",084.4,230394,003.1,W,A", ",08"), "malformed"),
    ],
)
def test_what_a_position_cannot_do_without(change: tuple[str, str], reason: str) -> None:
    assert refused(text(RMC.replace(*change))) == reason


@pytest.mark.parametrize("angle", ["4807", "4807.", "04807.0", "4807.0000000"])
def test_angles_need_neither_decimals_nor_exact_padding(angle: str) -> None:
    assert fix_of(RMC.replace("4807.0380", angle)).lat_e7 == 481166666


def test_the_poles_and_the_date_line_are_on_earth() -> None:
    position = fix_of(RMC.replace("4807.0380,N,01131.0000,E", "9000.0000,S,18000.0000,W"))
    assert (position.lat_e7, position.lon_e7) == (-900_000_000, -1_800_000_000)


def test_null_island_is_flagged() -> None:
    zero = RMC.replace("4807.0380,N,01131.0000,E", "0000.0000,N,00000.0000,E")
    assert fix_of(zero).flags == fix.Flag.ZERO


@given(st.integers(-900_000_000, 900_000_000))
def test_every_stored_latitude_survives_six_decimals_of_minutes(lat_e7: int) -> None:
    degrees, rest = divmod(abs(lat_e7), fix.E7)
    minutes = rest * 6  # in 1e-6 minutes
    assert values.angle_e7(f"{degrees:02d}{minutes // 10**6:02d}.{minutes % 10**6:06d}") == abs(lat_e7)


@given(st.integers(0, 89), st.integers(0, 59), st.text("0123456789", max_size=12))
def test_angles_are_cut_never_rounded(degrees: int, minutes: int, decimals: str) -> None:
    exact = degrees * 60 * 10**12 + minutes * 10**12 + int(decimals.ljust(12, "0"))  # in 1e-12 minutes
    assert values.angle_e7(f"{degrees:02d}{minutes:02d}.{decimals}") == exact * fix.E7 // (60 * 10**12)


@pytest.mark.parametrize(
    ("clock", "ms"),
    [("000000", 0), ("235959.9999", 86_399_999), ("010203.57", 3_723_570), ("000001.0019", 1_001), ("00:00:01", None)],
)
def test_times_are_cut_to_milliseconds(clock: str, ms: int | None) -> None:
    assert values.time_of_day_ms(clock) == ms


@pytest.mark.parametrize(("date", "year"), [("010180", 1980), ("010199", 1999), ("010100", 2000), ("010179", 2079)])
def test_two_digit_years(date: str, year: int) -> None:
    assert values.day(date) == units.calendar_day(year, 1, 1)


def test_the_checksum_policies() -> None:
    wrong, none = sealed(RMC)[:-2] + b"00\n", sealed(RMC)[:-3] + b"\n"
    assert refused(wrong) == "checksum"
    assert refused(wrong, checksum="require") == "checksum"
    assert isinstance(one(wrong, checksum="ignore"), fix.Fix)
    assert isinstance(one(none), fix.Fix)
    assert refused(none, checksum="require") == "checksum_missing"
    assert isinstance(one(none, checksum="ignore"), fix.Fix)


def test_the_policy_may_differ_by_tracker() -> None:
    none = sealed(RMC)[:-3] + b"\n"
    messages = decode(b"strict" + none + b"lax" + none, checksum=lambda t: "require" if t == "strict" else "if-present")
    assert {(m.tracker, type(m)) for m in messages} == {("strict", fix.Reject), ("lax", fix.Fix)}


def test_one_digit_is_a_checksum_below_16() -> None:
    body = next(b for n in range(1000) if sealed(b := f"{RMC},{n}")[-2:-1] == b"0")
    assert isinstance(one(sealed(body)[:-2] + sealed(body)[-1:] + b"\n"), fix.Fix)


@pytest.mark.parametrize("end", [b"*", b"*7", b"*7G", b"*ZZ", b"*7D7D", b"*7D rest"])
def test_a_cut_or_broken_checksum_is_refused(end: bytes) -> None:
    assert refused(sealed(RMC)[:-3] + end + b"\n") in ("malformed", "checksum")


def test_a_wrong_checksum_tells_both() -> None:
    message = one(sealed(RMC)[:-2] + b"00\n")
    assert isinstance(message, fix.Reject)
    assert message.detail == f"The checksum is {sealed(RMC)[-2:].decode()}, the sentence says 00."
    assert message.raw == sealed(RMC)[:-2] + b"00"


def test_a_cut_sentence_does_not_cost_the_next_one() -> None:
    cut, whole = decode(sealed(GGA)[:30] + text(RMC))
    assert isinstance(cut, fix.Reject)
    assert cut.raw == sealed(GGA)[:30]
    assert isinstance(whole, fix.Fix)


@given(st.integers(1, len(sealed(RMC)) - 1))
def test_a_cut_line_never_gives_another_position(length: int) -> None:
    """Without its checksum a cut line may still be whole up to its date; then it says the same."""
    for message in decode(sealed(RMC)[:length]):
        if isinstance(message, fix.Fix):
            assert message.key == nmea_lines.RMC_KEY


@pytest.mark.parametrize("raw", [b"\xff", b"\x00", b"\x1b", "é".encode()])
def test_what_is_no_text_is_refused(raw: bytes) -> None:
    assert refused(sealed(RMC)[:20] + raw + sealed(RMC)[20:] + b"\n") == "encoding"


@pytest.mark.parametrize(
    "body", ["GPGSA,A,3,03,,,,,,,,,,,,2.0,1.0,1.0", "GPGSV,1,1,00", "PMTK001,314,3", "PQRMC,1", "GPXYZ,1", "GPRMA"]
)
def test_other_sentences_are_skipped_and_counted(body: str) -> None:
    assert decode(text(body)) == []


@pytest.mark.parametrize("line", [b"$", b"$,", b"$gprmc,1", b"$GP", b"$*00", b"$ GPRMC"])
def test_what_has_no_address_is_malformed(line: bytes) -> None:
    assert refused(line + b"\n") in ("malformed", "checksum")
