from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import ceiling, fleet, goods, load, wire
from fleettrack.domain import fix
from fleettrack.ingest.codecs import decoder, registry
from fleettrack.serials import gs1

NOW_MS = 1_714_557_600_000


def some(seed: int) -> tuple[fleet.Pings, list[str]]:
    random = np.random.default_rng(seed)
    ground = fleet.Ground.make(1_000, random)
    habits = fleet.Habits(hop_m=1_000.0, stand_s=(60.0, 90.0))
    trucks = fleet.mixed(ground, 20, habits, NOW_MS / 1000 - 60, random)
    return fleet.rounds(trucks, NOW_MS / 1000 - 60, 5.0, 6, random), [f"86{i:013d}" for i in range(20)]


def decoded(protocol: str, data: bytes) -> list[fix.Fix]:
    found = registry.open_decoder(protocol, decoder.Settings(datagram=True)).feed(data, NOW_MS)
    assert all(isinstance(message, fix.Fix) for message in found)
    return sorted((m for m in found if isinstance(m, fix.Fix)), key=lambda m: (str(m.tracker), m.time_ms))


@settings(max_examples=10)
@given(st.integers(0, 1_000))
def test_the_service_reads_from_every_form_what_the_fleet_reports(seed: int) -> None:
    pings, identities = some(seed)
    order = np.lexsort((pings.time_ms, pings.truck))
    forms = {
        "nmea": b"".join(wire.rmc(pings, identities)),
        "json": b"[" + b",".join(wire.json_pings(pings, identities)) + b"]",
    }
    for protocol, data in forms.items():
        fixes = decoded(protocol, data)
        assert [f.time_ms for f in fixes] == pings.time_ms[order].tolist()
        assert [f.tracker for f in fixes] == [identities[t] for t in pings.truck[order]]
        assert np.allclose([f.lat_e7 for f in fixes], pings.lat_e7[order], rtol=0, atol=20)
        assert np.allclose([f.lon_e7 for f in fixes], pings.lon_e7[order], rtol=0, atol=20)


def test_rmc_and_gga_of_one_epoch_are_one_fix() -> None:
    pings, identities = some(1)
    fixes = decoded("nmea", b"".join(wire.rmc_gga(pings, identities)))
    assert len(fixes) == len(pings)
    assert {f.satellites for f in fixes} == {9}


def test_a_parked_truck_stays_and_one_under_way_does_not() -> None:
    random = np.random.default_rng(2)
    ground = fleet.Ground.make(1_000, random)
    habits = fleet.Habits(hop_m=1_000.0, stand_s=(60.0, 90.0), laden=0, serving=0, parked=0.5)
    pings = fleet.rounds(fleet.mixed(ground, 10, habits, 0.0, random), 0.0, 10.0, 30, random)
    moved = [np.ptp(pings.lat[pings.truck == t]) + np.ptp(pings.lon[pings.truck == t]) for t in range(10)]
    assert max(moved[:5]) < 0.002 < 0.02 < min(moved[5:])


def test_requests_come_back_from_their_frames() -> None:
    requests = [b"a", b"", b"bcd" * 1000]
    assert list(load._requests(load.framed(requests))) == requests


def test_the_ceiling_writes_null_where_a_column_is_left_out() -> None:
    buffers = ceiling.buffers(
        {"a": np.array([1, 2]), "t": np.array([946_684_800_001, 0])}, {"a": "int8", "b": "int4", "t": "timestamptz"}
    )
    row = bytes.fromhex("0003 00000008 0000000000000001 ffffffff 00000008 00000000000003e8")
    assert len(buffers) == 1
    assert buffers[0].startswith(b"PGCOPY\n\xff\r\n\0" + bytes(8) + row)
    assert buffers[0].endswith(b"\xff\xff")


def test_a_manifest_has_sound_keys() -> None:
    rows = [line.split(",") for line in goods.manifest(3, 5_000).decode().splitlines()]
    assert len(rows) == 1 + 2 + 100 + 5_000
    assert {gs1.gtin14(row[9]) for row in rows[103:]} == {gs1.gtin14(goods.gtin())}
    assert {gs1.sscc(row[7]) for row in rows[3:]} == {row[7] for row in rows[3:103]}
