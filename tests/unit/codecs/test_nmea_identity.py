"""Every form in which a tracker says who it is."""

from __future__ import annotations

import nmea_lines
import pytest
from nmea_lines import GGA, RMC, decode, one, sealed, text

from fleettrack.domain import fix
from fleettrack.ingest.codecs import decoder
from fleettrack.ingest.codecs.nmea import codec, identity

LATER = RMC.replace("123519", "123549")


@pytest.mark.parametrize(
    "prefix",
    [b"truck-7", b"truck-7,", b"gateway/truck-7/", b"/truck-7/", b"  truck-7", b"\xef\xbb\xbftruck-7"],
)
@pytest.mark.parametrize("body", [RMC, RMC + ",V"])
def test_before_the_sentence(prefix: bytes, body: str) -> None:
    message = one(prefix + sealed(body) + b"\n")
    assert isinstance(message, fix.Fix)
    assert (message.tracker, message.key) == ("truck-7", nmea_lines.RMC_KEY)


@pytest.mark.parametrize(
    "login",
    [
        sealed("PGID,truck-7"),
        b"$PGID,truck-7",
        sealed("DEVID,truck-7"),
        sealed("GPFID,truck-7"),
        b"$IMEI=truck-7",
        b"IMEI truck-7",
    ],
)
def test_login_lines(login: bytes) -> None:
    status, position = decode(login + b"\r\n" + text(RMC))
    assert status == fix.Status(tracker="truck-7", kind="login")
    assert position.tracker == "truck-7"
    assert isinstance(position, fix.Fix)


@pytest.mark.parametrize("number", ["356938035643809", "ABCDEF0123", "0a1b", "0000"])
def test_a_bare_number_is_a_login(number: str) -> None:
    status, position = decode(number.encode() + b"\n" + text(RMC))
    assert status == fix.Status(tracker=number, kind="login")
    assert position.tracker == number


@pytest.mark.parametrize("line", [b"7", b"12345x", b"12 34", b"hello there", b"IMEI"])
def test_other_lines_are_no_login(line: bytes) -> None:
    assert {message.tracker for message in decode(line + b"\n" + text(RMC))} == {None}


def test_after_the_checksum() -> None:
    message = one(sealed(RMC) + b",5,356938035643809,1,12.5\n")
    assert isinstance(message, fix.Fix)
    assert message.tracker == "356938035643809"
    assert message.satellites == 5
    assert message.attributes == {"after_checksum": ["1", "12.5"]}


@pytest.mark.parametrize("rest", [b",5", b",5,7", b",,,,", b",no good"])
def test_what_else_is_appended_is_kept_and_names_nobody(rest: bytes) -> None:
    message = one(sealed(RMC) + rest + b"\n", tracker="truck-7")
    assert isinstance(message, fix.Fix)
    assert message.tracker == "truck-7"
    assert message.attributes == {"after_checksum": rest.decode()[1:].split(",")}


def test_the_setting_names_what_names_nobody_else() -> None:
    data = text(RMC) + b"other" + text(LATER)
    assert [m.tracker for m in decode(data, tracker="truck-7")] == ["truck-7", "other"]


def test_a_login_outweighs_the_setting() -> None:
    data = text(RMC) + b"IMEI 356938035643809\n" + text(LATER)
    assert {(type(m), m.tracker) for m in decode(data, tracker="truck-7")} == {
        (fix.Fix, "truck-7"),
        (fix.Status, "356938035643809"),
        (fix.Fix, "356938035643809"),
    }


def test_a_prefix_names_the_sentences_after_it_where_nobody_owns_the_connection() -> None:
    (message,) = decode(b"truck-7" + text(RMC, GGA))
    assert isinstance(message, fix.Fix)
    assert (message.tracker, message.altitude_dm) == ("truck-7", 5454)


def test_a_prefix_does_not_take_over_a_connection_that_is_owned() -> None:
    data = b"noise" + text(RMC) + text(LATER)
    assert {m.tracker for m in decode(data, tracker="truck-7")} == {"noise", "truck-7"}


def test_a_gateway_mixes_trackers() -> None:
    bodies = [body.replace("123519", f"1235{second}") for second in (19, 49) for body in (RMC, GGA)]
    data = b"".join(name + sealed(body) + b"\n" for body in bodies for name in (b"a1", b"b2"))
    messages = [m for m in decode(data) if isinstance(m, fix.Fix)]
    assert [m.altitude_dm for m in messages] == [5454] * 4
    assert sorted((m.tracker, m.time_ms) for m in messages) == [
        (tracker, nmea_lines.RMC_KEY[0] + late) for tracker in ("a1", "b2") for late in (0, 30_000)
    ]


def test_an_open_epoch_belongs_to_who_logs_in_behind_it() -> None:
    status, position = decode(text(RMC) + sealed("GPFID,truck-7") + b"\n" + text(GGA))
    assert isinstance(status, fix.Status)
    assert isinstance(position, fix.Fix)
    assert (position.tracker, position.altitude_dm) == ("truck-7", 5454)


def test_noise_before_a_sentence_costs_nothing_but_itself() -> None:
    reject, position = decode(b"\x81\x82 noise" + text(RMC), tracker="truck-7")
    assert isinstance(reject, fix.Reject)
    assert (reject.reason, reject.raw) == ("encoding", b"\x81\x82 noise")
    assert (position.tracker, type(position)) == ("truck-7", fix.Fix)


def test_a_datagram_names_itself_and_leaves_nothing_behind() -> None:
    nmea = codec.Decoder(decoder.Settings(datagram=True))
    (named,) = nmea.feed(b"truck-7" + sealed(RMC))
    (nameless,) = nmea.feed(sealed(LATER))
    (undated,) = nmea.feed(sealed(GGA))
    assert (named.tracker, nameless.tracker) == ("truck-7", None)
    assert isinstance(undated, fix.Reject)
    assert undated.reason == "no_date"


def test_more_identities_than_are_kept_lose_no_fix() -> None:
    count = codec.IDENTITIES_LIMIT + 50
    data = b"".join(b"t%05d" % n + sealed(RMC) + b"\n" for n in range(count))
    assert sorted(m.tracker or "" for m in decode(data)) == [f"t{n:05d}" for n in range(count)]


@pytest.mark.parametrize("secret", ["truck-7~Zm9v+/", "truck-7~Zm9v+x="])
def test_secrets_ride_in_the_identity(secret: str) -> None:
    assert identity.prefix(secret) == (secret if "/" not in secret else None)
