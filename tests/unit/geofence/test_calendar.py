"""Our own outages count for no silence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleettrack.geofence import calendar

times = st.integers(-10_000_000, 10_000_000)
outages = st.lists(st.tuples(times, times).map(lambda pair: (min(pair), max(pair))), max_size=6)


def covered(outages: list[calendar.Span], since: int, at: int) -> bool:
    return any(start <= at < end + calendar.RETURN_MS for start, end in outages if end > since and end > start)


@given(outages, times, st.integers(0, 3_000_000))
def test_a_silence_is_heard_where_no_outage_lies(outages: list[calendar.Span], since: int, length: int) -> None:
    step = max(1, length // 500)
    moments = range(since, since + length, step)
    heard = sum(step for at in moments if not covered(outages, since, at))
    found = calendar.Calendar(outages).heard_ms(since, since + length)
    assert abs(found - heard) <= step * (2 * len(outages) + 2)
    assert 0 <= found <= length


@given(outages, times, st.integers(1, 3_000_000))
def test_it_has_been_heard_long_enough_at_just_one_moment(outages: list[calendar.Span], since: int, heard: int) -> None:
    book = calendar.Calendar(outages)
    until = book.until_ms(since, heard)
    assert book.heard_ms(since, until) == heard
    assert book.heard_ms(since, until - 1) == heard - 1


@given(outages, outages, times, st.integers(1, 3_000_000))
def test_a_further_outage_only_delays(
    some: list[calendar.Span], more: list[calendar.Span], since: int, heard: int
) -> None:
    assert calendar.Calendar(some + more).until_ms(since, heard) >= calendar.Calendar(some).until_ms(since, heard)


@given(outages, times, st.integers(0, 3_000_000), st.integers(0, 3_000_000))
def test_longer_is_never_less(outages: list[calendar.Span], since: int, short: int, more: int) -> None:
    book = calendar.Calendar(outages)
    assert book.heard_ms(since, since + short) <= book.heard_ms(since, since + short + more)


@given(outages, times)
def test_what_ended_before_does_not_count(outages: list[calendar.Span], since: int) -> None:
    over = [(start, end) for start, end in outages if end <= since]
    assert calendar.Calendar(over).until_ms(since, 1000) == since + 1000 == calendar.ALWAYS.until_ms(since, 1000)
