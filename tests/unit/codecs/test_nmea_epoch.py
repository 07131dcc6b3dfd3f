"""Sentences of one epoch make one fix, when it is complete."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nmea_lines import GGA, RMC, decode, one, sealed, text

from fleettrack.domain import fix, units
from fleettrack.ingest.codecs import decoder
from fleettrack.ingest.codecs.nmea import codec

VTG = "GPVTG,084.4,T,,M,022.4,N,041.5,K,A"
GLL = "GPGLL,4807.0384,N,01131.0004,E,123519.250,A,A"
GNS = "GNGNS,123519.250,4807.0383,N,01131.0003,E,AAN,14,1.3,250.8,50.0,,"
ZDA = "GPZDA,123519.250,23,03,1994,00,00"


def at(clock: str, *bodies: str) -> bytes:
    """Return these sentences with another time."""
    return text(*(body.replace("123519.250", clock) for body in bodies))


def void(body: str) -> str:
    return (
        body.replace(",A,4807", ",V,4807")
        .replace("E,1,08", "E,0,00")
        .replace("AAN", "NNN")
        .replace("250,A,A", "250,V,N")
    )


def times(messages: list[fix.Message]) -> list[str]:
    return [
        units.utc(m.time_ms).isoformat(timespec="milliseconds").removesuffix("+00:00")
        for m in messages
        if isinstance(m, fix.Fix)
    ]


class Session:
    """A connection, by its chunks."""

    def __init__(self, **settings: object) -> None:
        self.nmea = codec.Decoder(decoder.Settings(**settings))  # type: ignore[arg-type]

    def seconds(self, data: bytes) -> list[int]:
        """Feed, and return the seconds of the fixes it gives."""
        return [m.time_ms // 1000 % 60 for m in self.nmea.feed(data) if isinstance(m, fix.Fix)]


@pytest.mark.parametrize(
    ("bodies", "lat_e7"),
    [
        ((GLL, GNS, GGA, RMC), 481173000),
        ((ZDA, GLL, GNS, GGA), 481173016),
        ((ZDA, GLL, GNS), 481173050),
        ((ZDA, VTG, GLL), 481173066),
    ],
)
def test_position_is_that_of_rmc_then_gga_then_gns_then_gll(bodies: tuple[str, ...], lat_e7: int) -> None:
    message = one(text(*bodies))
    assert isinstance(message, fix.Fix)
    assert message.lat_e7 == lat_e7


def test_another_time_completes_an_epoch() -> None:
    session = Session()
    assert session.seconds(at("000001", RMC, GGA)) == []
    assert session.seconds(at("000002", RMC)) == [1]


def test_the_learned_last_sentence_completes_an_epoch() -> None:
    session = Session()
    assert session.seconds(at("000001", RMC, GGA, VTG) + at("000002", RMC, GGA, VTG) + at("000003", RMC, GGA)) == [1, 2]
    assert session.seconds(at("000003", VTG)) == [3]
    assert session.seconds(at("000033", RMC, GGA)) == []
    assert session.seconds(at("000033", VTG)) == [33]


def test_an_epoch_that_lacks_its_rmc_waits_for_it() -> None:
    session = Session()
    session.nmea.feed(at("000001", RMC, GGA) + at("000002", RMC, GGA) + at("000003", RMC, GGA))
    assert session.seconds(at("000004", GGA)) == []
    assert session.nmea.quiet() == []
    assert session.seconds(at("000004", RMC)) == []
    assert [type(m) for m in session.nmea.quiet()] == [fix.Fix]


def test_an_epoch_that_was_cut_short_does_not_cut_the_next_ones_short() -> None:
    session = Session()
    session.nmea.feed(at("000001", ZDA, GGA))
    assert [type(m) for m in session.nmea.quiet()] == [fix.Fix]
    assert session.seconds(at("000001", RMC) + at("000002", GGA)) == []
    assert session.nmea.quiet() == []
    assert [m.speed_cms for m in session.nmea.feed(at("000002", RMC)) + session.nmea.quiet()] == [1152]


def test_a_tracker_without_rmc_is_learned_too() -> None:
    session = Session()
    session.nmea.feed(text(ZDA) + at("123520", GGA, GLL) + at("123521", GGA, GLL) + at("123522", GGA))
    assert session.seconds(at("123522", GLL)) == [22]


def test_a_late_sentence_is_counted_and_changes_nothing() -> None:
    data = at("000001", RMC) + at("000002", RMC) + at("000003", RMC, GGA)
    nmea = codec.Decoder(decoder.Settings())
    messages = nmea.feed(data) + nmea.flush()
    assert [m.altitude_dm for m in messages if isinstance(m, fix.Fix)] == [None] * 3
    assert nmea.counts.late == 1


def test_a_sender_that_keeps_no_order_is_not_cut_short() -> None:
    start = at("000001", RMC) + at("000002", RMC) + at("000003", RMC)
    orders = [(RMC, ZDA, GGA), (RMC, GGA, ZDA)] * 5
    turns = b"".join(at(f"0000{n:02d}", *order) for n, order in enumerate(orders, 10))
    nmea = codec.Decoder(decoder.Settings())
    altitudes = [m.altitude_dm for m in nmea.feed(start + turns) + nmea.flush() if isinstance(m, fix.Fix)]
    assert altitudes == [None] * 4 + [5454, None] + [5454] * 7
    assert nmea.counts.late == 3


def test_two_seconds_of_quiet_complete_an_epoch() -> None:
    session = Session()
    assert session.seconds(text(RMC)) == []
    assert [type(m) for m in session.nmea.quiet()] == [fix.Fix]
    assert session.nmea.quiet() == []


def test_quiet_takes_a_last_line_that_only_lacks_its_end() -> None:
    session = Session()
    session.nmea.feed(b"truck-7" + sealed(RMC))
    (message,) = session.nmea.quiet()
    assert (type(message), message.tracker) == (fix.Fix, "truck-7")
    assert session.nmea.feed(b"\r\n") == []
    assert session.nmea.flush() == []


def test_quiet_amid_a_sentence_waits_for_the_rest() -> None:
    session = Session()
    session.nmea.feed(text(RMC) + sealed(GGA)[:30])
    assert session.nmea.quiet() == []
    session.nmea.feed(sealed(GGA)[30:] + b"\r\n")
    (message,) = session.nmea.quiet()
    assert isinstance(message, fix.Fix)
    assert message.altitude_dm == 5454


def test_contradicting_positions_of_one_time_are_both_kept() -> None:
    messages = decode(text(RMC, RMC.replace("4807", "4808")) * 2)
    assert [m.lat_e7 for m in messages if isinstance(m, fix.Fix)] == [481173000, 481339666] * 2


def test_a_repeated_day_gives_the_same_fixes_again() -> None:
    day = at("000001", RMC, GGA) + at("000002", RMC, GGA)
    assert decode(day * 3) == decode(day) * 3


@pytest.mark.parametrize(
    ("talkers", "lat_e7"), [(("GP", "GL"), 481173000), (("GP", "GN"), 481339666), (("GN", "GP"), 481173000)]
)
def test_of_several_talkers_the_combined_solution_wins(talkers: tuple[str, str], lat_e7: int) -> None:
    first, second = talkers
    message = one(text(first + RMC[2:], second + RMC[2:].replace("4807", "4808")))
    assert isinstance(message, fix.Fix)
    assert message.lat_e7 == lat_e7


def test_of_several_talkers_a_valid_one_wins() -> None:
    assert isinstance(one(text(void(RMC), "GL" + RMC[2:])), fix.Fix)


@pytest.mark.parametrize("bodies", [(RMC,), (GGA,), (GNS,), (GLL,), (RMC, GGA, GLL, GNS)])
def test_void_sentences_give_a_status(bodies: tuple[str, ...]) -> None:
    (message,) = decode(text(*map(void, bodies)), tracker="t")
    assert isinstance(message, fix.Status)
    assert (message.tracker, message.kind) == ("t", "void")


def test_no_time_and_no_date_is_void_too() -> None:
    data = (sealed("GPRMC,,V,,,,,,,,,,N") + b"\n" + sealed("GPGGA,,,,,,0,00,,,,,,,") + b"\n") * 3
    assert decode(data) == [fix.Status(tracker=None, kind="void")] * 3


@pytest.mark.parametrize("order", [(void(RMC), GGA, GLL), (GGA, GLL, void(RMC)), (GGA, void(RMC), GNS)])
def test_a_void_rmc_makes_its_epoch_void_whatever_the_others_say(order: tuple[str, ...]) -> None:
    assert {type(m) for m in decode(text(ZDA, *order))} == {fix.Status}


def test_a_void_rmc_makes_its_second_void() -> None:
    before, after = at("123518.000", RMC), at("123521.200", GGA)
    messages = decode(before + at("123519.000", void(RMC)) + at("123519.200", GGA, GLL) + after)
    assert times(messages) == ["1994-03-23T12:35:18.000", "1994-03-23T12:35:21.200"]


def test_a_valid_rmc_later_in_a_void_second_counts() -> None:
    messages = decode(at("123519.000", void(RMC)) + at("123519.100", RMC, GGA) + at("123519.200", GGA))
    assert times(messages) == ["1994-03-23T12:35:19.100", "1994-03-23T12:35:19.200"]


@pytest.mark.parametrize("position", ["36000.0000,N,72000.0000,E", ",,,", "0000.0000,N,00000.0000,E", "x,y,z,"])
def test_a_void_position_is_never_looked_at(position: str) -> None:
    body = void(RMC).replace("4807.0380,N,01131.0000,E", position)
    assert isinstance(one(text(body)), fix.Status)


@pytest.mark.parametrize(("mode", "kind"), [("N", fix.Status), ("A", fix.Fix), ("D", fix.Fix), ("E", fix.Fix)])
def test_the_mode_may_take_the_status_back(mode: str, kind: type) -> None:
    assert isinstance(one(text(RMC[:-1] + mode)), kind)


@pytest.mark.parametrize("status", ["V", "S", "C", "U", ""])
def test_the_navigational_status_says_nothing(status: str) -> None:
    assert isinstance(one(text(f"{RMC},{status}")), fix.Fix)


@pytest.mark.parametrize("bodies", [(RMC[:-1] + "S",), (RMC[:-1] + "M",), (RMC, GGA.replace("E,1,08", "E,8,08"))])
def test_simulated_positions_are_flagged(bodies: tuple[str, ...]) -> None:
    message = one(text(*bodies))
    assert isinstance(message, fix.Fix)
    assert message.flags == fix.Flag.MOCK


def test_without_any_date_an_epoch_is_refused() -> None:
    message = one(text(GGA), tracker="t")
    assert isinstance(message, fix.Reject)
    assert (message.reason, message.tracker, message.raw) == ("no_date", "t", sealed(GGA))


@pytest.mark.parametrize(
    ("dated", "clock", "expected"),
    [
        ("235959", "000001", "1994-03-24T00:00:01.000"),
        ("000001", "235959", "1994-03-22T23:59:59.000"),
        ("120000", "235959", "1994-03-23T23:59:59.000"),
        ("110000", "000001", "1994-03-23T00:00:01.000"),
    ],
)
@pytest.mark.parametrize("source", [RMC, ZDA])
def test_dates_roll_at_midnight_both_ways(dated: str, clock: str, expected: str, source: str) -> None:
    assert times(decode(at(dated, source) + at(clock, GGA)))[-1] == expected


def test_dates_keep_rolling_without_further_dates() -> None:
    hours = [*range(13, 24), *range(24), *range(5)]
    fixes = times(decode(at("120000", RMC) + b"".join(at(f"{h:02d}0000", GGA) for h in hours)))
    assert [f[:13] for f in (fixes[12], fixes[-1])] == ["1994-03-24T00", "1994-03-25T04"]


def test_the_date_of_one_tracker_is_not_that_of_another() -> None:
    messages = decode(b"a1" + text(RMC) + b"b2" + text(GGA))
    assert [(m.tracker, type(m)) for m in messages] == [("a1", fix.Fix), ("b2", fix.Reject)]


WEEKS_1024 = dt.timedelta(weeks=1024)
RECEIVED = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def rmc_of(moment: dt.datetime) -> bytes:
    return at(f"{moment:%H%M%S}", RMC.replace("230394", f"{moment:%d%m%y}"))


def one_fix(data: bytes, reference: dt.datetime | None) -> fix.Fix:
    message = one(data, reference_ms=None if reference is None else units.to_ms(reference))
    assert isinstance(message, fix.Fix)
    return message


@pytest.mark.parametrize("age", [dt.timedelta(0), dt.timedelta(days=89), -dt.timedelta(hours=23)])
@pytest.mark.parametrize("rollovers", [1, 2])
def test_a_lost_rollover_is_repaired_and_flagged(age: dt.timedelta, rollovers: int) -> None:
    meant = RECEIVED - age
    message = one_fix(rmc_of(meant - rollovers * WEEKS_1024), RECEIVED)
    assert (message.time_ms, message.flags) == (units.to_ms(meant), fix.Flag.ROLLOVER)


@pytest.mark.parametrize("moment", [RECEIVED, RECEIVED - dt.timedelta(days=4000), RECEIVED - WEEKS_1024 * 0.9])
def test_what_is_only_old_is_left_alone(moment: dt.datetime) -> None:
    message = one_fix(rmc_of(moment), RECEIVED)
    assert (message.time_ms, message.flags) == (units.to_ms(moment), 0)


def test_without_a_reference_nothing_is_repaired_and_nothing_is_too_late() -> None:
    for moment in (RECEIVED - WEEKS_1024, dt.datetime(2079, 1, 1, tzinfo=dt.UTC)):
        message = one_fix(rmc_of(moment), None)
        assert (message.time_ms, message.flags) == (units.to_ms(moment), 0)


def test_the_receive_time_is_the_reference_of_a_listener() -> None:
    nmea = codec.Decoder(decoder.Settings())
    received = units.to_ms(RECEIVED)
    (message,) = nmea.feed(rmc_of(RECEIVED - WEEKS_1024), received) + nmea.flush()
    assert isinstance(message, fix.Fix)
    assert (message.time_ms, message.flags) == (received, fix.Flag.ROLLOVER)


@pytest.mark.parametrize("moment", [RECEIVED + dt.timedelta(days=1, seconds=1), dt.datetime(2079, 1, 1, tzinfo=dt.UTC)])
def test_the_far_future_of_the_reference_is_refused(moment: dt.datetime) -> None:
    message = one(rmc_of(moment), reference_ms=units.to_ms(RECEIVED))
    assert isinstance(message, fix.Reject)
    assert message.reason == "time_range"


def test_before_gps_there_was_no_fix() -> None:
    message = one(at("000000", RMC.replace("230394", "050180")))
    assert isinstance(message, fix.Reject)
    assert message.reason == "time_range"


cycles = st.permutations([RMC, GGA, VTG, GLL]).flatmap(lambda order: st.integers(1, 4).map(lambda n: order[:n]))


@given(
    cycles.filter(lambda cycle: RMC in cycle),
    st.sets(st.integers(0, 40)),
    st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_quiet_at_any_line_gives_the_same_positions(cycle: list[str], pauses: set[int], valid: list[bool]) -> None:
    """A file has no pauses, a connection has them anywhere: the positions are the same."""
    exact = [body.replace("0381", "0380").replace("0384", "0380").replace("0001,E", "0000,E") for body in cycle]
    exact = [body.replace("0004,E", "0000,E") for body in exact]
    epochs = [at(f"1235{n:02d}", *(exact if good else map(void, exact))) for n, good in enumerate(valid, 10)]
    stream = b"".join(epochs)
    nmea = codec.Decoder(decoder.Settings())
    live: list[fix.Message] = []
    for n, line in enumerate(stream.splitlines(keepends=True)):
        live += nmea.feed(line)
        if n in pauses:
            live += nmea.quiet()
    live += nmea.flush()
    whole = decode(stream)
    assert [m.key for m in live if isinstance(m, fix.Fix)] == [m.key for m in whole if isinstance(m, fix.Fix)]
    assert len([m for m in whole if isinstance(m, fix.Fix)]) == sum(valid)
