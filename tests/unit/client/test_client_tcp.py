"""Whatever a service acknowledged or not before it went down: in the end it has everything."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrack.client import account, nmea_log, opening, parcel, tcp
from fleettrack.domain import fix
from fleettrack.ingest.codecs import decoder, registry


@pytest.fixture(autouse=True, scope="module")
def _no_patience() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parcel.BackOff, "FIRST_S", 0.0)
        yield


Death = tuple[int, bool, bool]
Key = tuple[str | None, int, int, int]


class Service:
    """Stores and acknowledges fixes, and loses connections when told to: (after bytes read, commits those, says so)."""

    def __init__(self, deaths: list[Death], refuses: frozenset[int] = frozenset()) -> None:
        self.stored: list[Key] = []
        self.logins: list[str | None] = []
        self._deaths = deaths
        self._refuses = refuses

    async def __aenter__(self) -> Service:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        codec = registry.open_decoder("nmea", decoder.Settings())
        left, commits, says = self._deaths.pop(0) if self._deaths else (1 << 40, True, True)
        while data := await reader.read(min(left, 256)):
            left -= len(data)
            if left <= 0:
                if commits:
                    self._answer(codec.feed(data), writer if says else None)
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no good end
                writer.transport.abort()
                return
            self._answer(codec.feed(data), writer)
        self._answer(codec.flush(), writer)
        writer.close()

    def _answer(self, messages: list[fix.Message], writer: asyncio.StreamWriter | None) -> None:
        fixes = [m for m in messages if isinstance(m, fix.Fix)]
        self.logins += [m.tracker for m in messages if isinstance(m, fix.Status) and m.kind == "login"]
        good = [(f.tracker, *f.key) for f in fixes if f.time_ms not in self._refuses]
        self.stored += good
        if messages and writer:
            writer.write(b"OK %d\r\n" % len(good))


def parcels(number: int) -> list[parcel.Parcel]:
    login = opening.sentence("PGID,truck-7")
    return [
        parcel.Parcel(
            opening.sentence(f"GPRMC,{120000 + i // 60 * 100 + i % 60},A,4807.038,N,01131.000,E,,,010324,,,A"),
            1_709_294_400_000 + i * 1000,
            login,
            frozenset((b"",)),
        )
        for i in range(number)
    ]


async def send(service: Service, some: list[parcel.Parcel]) -> parcel.Tally:
    sink = tcp.Tcp("127.0.0.1", service.port)
    await sink.start()
    for one in some:
        await sink.send(one)
    await sink.finish()
    return sink.tally


@settings(max_examples=25, deadline=None)
@given(
    number=st.integers(0, 60),
    deaths=st.lists(st.tuples(st.integers(1, 3000), st.booleans(), st.booleans()), max_size=5),
)
async def test_nothing_is_missing_whenever_connections_end(number: int, deaths: list[Death]) -> None:
    some = parcels(number)
    async with Service(list(deaths)) as service:
        tally = await send(service, some)
    assert {p.time_ms for p in some} == {time_ms for _, time_ms, *_ in service.stored}
    assert set(service.logins) <= {"truck-7"}
    assert (tally.sent, tally.acknowledged, tally.rejected) == (number, number, 0)


@st.composite
def gateway_logs(draw: st.DrawFn) -> list[bytes]:
    """A log of up to three trackers, some of which seldom speak, with GGA after, before or instead of RMC."""
    often = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    lines = []
    for second in range(draw(st.integers(1, 25))):
        clock = f"1200{second:02d}"
        for i, each in enumerate(often):
            kinds = draw(st.sampled_from(("RG", "R", "GR", "G"))) if second else "RG"
            for kind in kinds if second % each == 0 else "":
                rmc = f"GPRMC,{clock},A,4807.038,N,01131.{i:03d},E,1.0,2.0,010324,,,A"
                gga = f"GPGGA,{clock},4807.038,N,01131.{i:03d},E,1,08,0.9,1.0,M,,M,,"
                lines.append(f"tracker-{i}".encode() + opening.sentence(rmc if kind == "R" else gga))
    return lines


@settings(max_examples=40, deadline=None)
@given(
    lines=gateway_logs(),
    deaths=st.lists(st.tuples(st.integers(1, 3000), st.booleans(), st.booleans()), max_size=4),
)
async def test_nothing_of_a_log_of_many_trackers_is_missing(lines: list[bytes], deaths: list[Death]) -> None:
    codec = registry.open_decoder("nmea", decoder.Settings())
    whole = {(m.tracker, *m.key) for m in codec.feed(b"".join(lines)) + codec.flush() if isinstance(m, fix.Fix)}
    async with Service(list(deaths)) as service:
        tally = await send(service, list(nmea_log.stream(lines, None)))
    assert whole == set(service.stored)
    assert (tally.sent, tally.acknowledged, tally.rejected) == (len(whole), len(whole), 0)


async def test_nothing_is_sent_twice_where_nothing_fails() -> None:
    async with Service([]) as service:
        tally = await send(service, parcels(500))
    assert len(service.stored) == len(set(service.stored)) == tally.acknowledged == 500
    assert (tally.resent, tally.reconnects) == (0, 0)
    assert service.logins == ["truck-7"]


async def test_what_the_service_refuses_holds_nothing_up() -> None:
    """`OK <n>` counts and does not name: what is left over at the end is sent once more, and then given up."""
    some = parcels(40)
    refused = frozenset(p.time_ms for p in some[5:9] if p.time_ms)
    async with Service([], refused) as service:
        tally = await send(service, some)
    assert {time_ms for _, time_ms, *_ in service.stored} == {p.time_ms for p in some} - refused
    assert tally.acknowledged + tally.rejected == 40


async def test_a_service_that_refuses_everything_is_believed() -> None:
    some = parcels(10)
    async with Service([], frozenset(p.time_ms for p in some if p.time_ms)) as service:
        tally = await send(service, some)
    assert (tally.acknowledged, tally.rejected) == (0, 10)


async def test_a_service_that_is_never_there_is_given_up() -> None:
    async with Service([]) as service:
        port = service.port
    sink = tcp.Tcp("127.0.0.1", port, give_up_s=0.0)
    await sink.start()
    with pytest.raises(parcel.Unreachable, match="cannot be reached"):
        await sink.finish()


@pytest.fixture
async def lines() -> AsyncIterator[tuple[list[bytes], int]]:
    """A service that answers JSON lines by counts."""
    got: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            got.append(line)
            counts = b'"accepted":0,"duplicate":1' if line in got[:-1] else b'"accepted":1,"duplicate":0'
            writer.write(b"{" + counts + b',"rejected":0,"held":0}\n')
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield got, server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def test_json_lines_are_counted_by_their_answers(lines: tuple[list[bytes], int]) -> None:
    got, port = lines
    sink = tcp.Tcp("127.0.0.1", port, account.Lines())
    await sink.start()
    for i in (1, 2, 2, 3):
        await sink.send(parcel.Parcel(b'{"n":%d}\n' % i))
    await sink.acknowledged()
    await sink.finish()
    assert got == [b'{"n":1}\n', b'{"n":2}\n', b'{"n":2}\n', b'{"n":3}\n']
    assert (sink.tally.acknowledged, sink.tally.duplicate, sink.tally.rejected) == (4, 1, 0)
