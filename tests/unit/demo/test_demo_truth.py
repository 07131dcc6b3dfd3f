"""What simulated trackers say, decoded and folded as the service does it, is what truly happened: no more, no less."""

from __future__ import annotations

import itertools

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrack.demo import check, lives, trips, truth, words, world
from fleettrack.domain import fix
from fleettrack.geofence import fold, geojson, rules, shapes, track
from fleettrack.geofence.index import FenceIndex
from fleettrack.geofence.visit import Visit
from fleettrack.ingest.codecs import decoder, registry

TRIPS = 4


def index(town: world.Town) -> FenceIndex:
    terms = rules.Rules(silence_s=world.SILENCE_S)
    return FenceIndex(
        shapes.Fence(
            id=i,
            fence_id=i,
            place_id=i,
            shape=geojson.read(site.fence.geojson(town.centre)),
            valid_from_ms=0,
            rules=terms,
        )
        for i, site in enumerate(town.sites)
    )


def decoded(truck: world.Truck, acts: list[lives.Timed]) -> list[fix.Fix]:
    protocol = "json" if truck.talk == "json" else "nmea"
    codec = registry.open_decoder(protocol, decoder.Settings(tracker=truck.tracker))
    messages = codec.feed(words.login(truck))
    for _, act in acts:
        if isinstance(act, lives.Fixes):
            for report in act.reports:
                messages += codec.feed(words.say(truck, report).data + (b"\n" if protocol == "json" else b""))
    messages += codec.flush()
    assert not [m for m in messages if isinstance(m, fix.Reject)]
    fixes = [m for m in messages if isinstance(m, fix.Fix)]
    assert {f.tracker for f in fixes} == {truck.tracker}
    return fixes


def folded(fixes: list[fix.Fix], places: FenceIndex) -> list[Visit]:
    def known(value: int | None) -> int:
        return track.NONE if value is None else value

    rows = [
        (1, f.time_ms, f.lat_e7, f.lon_e7, known(f.speed_cms), known(f.accuracy_dm), known(f.hdop_centi), f.flags)
        for f in {f.key: f for f in fixes}.values()
    ]
    return fold.advance({}, track.Track.of(*zip(*rows, strict=True)), places).visits.get(1, [])


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), number=st.integers(0, 7))
def test_the_fold_finds_the_true_arrivals_and_no_others(seed: int, number: int) -> None:
    truck = world.build(seed, 8).trucks[number]
    start_s = 1_700_000_000.0
    end_s = list(itertools.islice(trips.of_truck(truck, seed, start_s), TRIPS))[-1].end_s
    acts = list(itertools.takewhile(lambda timed: timed[0] < end_s, lives.acts(truck, seed, start_s)))
    true = [act for _, act in acts if isinstance(act, trips.Arrival)]
    visits = folded(decoded(truck, acts), index(truck.town))
    found = sorted((msgspec.structs.replace(v) for v in visits if v.rule is not None), key=lambda v: v.enter_ms)
    assert [truck.town.sites[v.place_id].ref for v in found] == [a.site.ref for a in true]
    for visit, arrival in zip(found, true, strict=True):
        assert abs(visit.enter_ms / 1000 - arrival.time_s) < check.CLOSE_S


class Lines(truth.Writer):
    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def write(self, kind: str, time_s: float, **facts: object) -> None:
        self.lines.append({"kind": kind, **facts, "time": truth.iso(time_s)})


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), number=st.integers(0, 7))
def test_what_is_said_to_be_proven_can_be_known_from_what_was_sent(seed: int, number: int) -> None:
    """Cut the fixes off where the truth file says that a fact is proven: the fold knows it from these alone."""
    truck = world.build(seed, 8).trucks[number]
    writer = Lines()
    witness = truth.Witness(truck, writer, itertools.count(1))
    facts: dict[int, trips.Arrival | trips.Departure] = {}
    places = index(truck.town)
    sent: list[lives.Timed] = []
    for time_s, act in lives.acts(truck, seed, 1_700_000_000.0):
        if isinstance(act, lives.Order) and act.trip.number > 2:
            break
        before = len(writer.lines)
        if isinstance(act, lives.Fixes):
            sent.append((time_s, act))
            witness.told(act.reports, time_s)
        elif isinstance(act, trips.Arrival | trips.Departure | trips.Passing):
            witness.saw(act)
            if not isinstance(act, trips.Passing):
                facts[int(str(writer.lines[-1]["id"]))] = act
        for line in writer.lines[before:]:
            if line["kind"] == "proven":
                compare(facts[int(str(line["id"]))], folded(decoded(truck, sent), places), truck)


def compare(fact: trips.Arrival | trips.Departure, visits: list[Visit], truck: world.Truck) -> None:
    there = [v for v in visits if truck.town.sites[v.place_id] is fact.site and v.rule is not None]
    if isinstance(fact, trips.Arrival):
        assert any(abs(v.enter_ms / 1000 - fact.time_s) < check.CLOSE_S for v in there)
    else:
        assert any(v.exit_ms is not None and abs(v.exit_ms / 1000 - fact.time_s) < check.CLOSE_S for v in there)
