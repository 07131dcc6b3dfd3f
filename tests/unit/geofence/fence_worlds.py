"""Small random worlds for the visit fold: a handful of fences near one spot, and trackers that wander among them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from fleettrack.domain.fix import Flag, Trust
from fleettrack.geofence import rules, shapes, track
from fleettrack.geofence.index import FenceIndex
from fleettrack.geofence.visit import Visit

T0 = 1_700_000_000_000
CENTRES = ((50.0, 8.0), (0.0, 179.9995), (89.9985, 20.0), (-33.0, -180.0))
M_PER_DEG = 111_320.0


def offset(centre: tuple[float, float], east_m: float, north_m: float) -> tuple[float, float]:
    """Latitude and longitude that far from a centre; good to a few per cent near the pole, which is enough here."""
    lat = centre[0] + north_m / M_PER_DEG
    lon = centre[1] + east_m / (M_PER_DEG * max(float(np.cos(np.radians(centre[0]))), 1e-4))
    if lat > 90:
        lat, lon = 180 - lat, lon + 180
    return lat, (lon + 180) % 360 - 180


def square(centre: tuple[float, float], east_m: float, north_m: float, half_m: float) -> shapes.Area:
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    ring = [offset(centre, east_m + half_m * x, north_m + half_m * y) for x, y in corners]
    return shapes.Area(((tuple((lon, lat) for lat, lon in ring),),))


def circle(centre: tuple[float, float], east_m: float, north_m: float, radius_m: float) -> shapes.Circle:
    lat, lon = offset(centre, east_m, north_m)
    return shapes.Circle(lat=lat, lon=lon, radius_m=radius_m)


def fence(number: int, place: int, shape: shapes.Shape, **settings: object) -> shapes.Fence:
    return shapes.Fence(
        **{"id": number, "fence_id": number, "valid_from_ms": 0, **settings}, place_id=place, shape=shape
    )  # type: ignore[arg-type]


def index_at(centre: tuple[float, float], versions: tuple[int, int, int]) -> FenceIndex:
    """Places: 1 two fences, one of them replaced; 2 a corridor and a yard; 3 wide; 4 ends; 5 comes late;
    7 is moved, and has other rules from then on."""
    replaced, ended, begun = (T0 + 60_000 * minutes for minutes in versions)
    return FenceIndex(
        [
            fence(1, 1, circle(centre, 0, 0, 150)),
            fence(2, 1, circle(centre, 350, 0, 100), valid_to_ms=replaced),
            fence(3, 1, circle(centre, 400, 0, 250), valid_from_ms=replaced),
            fence(4, 2, shapes.Corridor(((offset(centre, -900, 400)[::-1]), (offset(centre, 900, 400)[::-1])), 60)),
            fence(5, 2, circle(centre, 600, 400, 80)),
            fence(6, 3, circle(centre, 0, 2500, 1500)),
            fence(7, 4, circle(centre, -500, -200, 120), valid_to_ms=ended),
            fence(8, 5, circle(centre, 0, -600, 150), valid_from_ms=begun),
            fence(9, 6, circle(centre, 60, 60, 200), through_road=True),
            fence(10, 7, circle(centre, 2500, -500, 150), valid_to_ms=begun),
            fence(11, 7, circle(centre, 2800, -500, 150), valid_from_ms=begun, rules=MOVED),
        ]
    )


# At the first one lies inside two places, at the last one outside of one of these two.
MOVED = rules.Rules(out_m=250.0, far_m=800.0)
SPOTS = (
    *((0, 0), (350, 0), (600, 400), (-300, 400), (0, 2500), (-500, -200), (0, -600), (170, 20), (9000, 0), (0, 1100)),
    (60, 250),
    *((2500, -500), (2680, -500), (2800, -500), (3100, -500)),
)

legs = st.lists(
    st.tuples(
        st.sampled_from(SPOTS),
        st.integers(1, 8),  # fixes on the way or at the spot
        st.sampled_from((5, 20, 60, 121, 300, 900, 2400)),  # seconds apart
        st.booleans(),  # the fixes stand at the spot, or are spread on the way to it
        st.sampled_from((-1, 0, 3, 12)),  # speed reported, m/s
        st.sampled_from((-1, 40, 300, 2000)),  # accuracy, dm
        st.sampled_from((Trust.API_KEY, Trust.API_KEY, Trust.NONE)),
    ),
    min_size=1,
    max_size=8,
)


@st.composite
def tracks(draw: st.DrawFn, centre: tuple[float, float], tracker: int = 1) -> track.Track:
    """Fixes of one tracker, in order of time, some of a time that another has as well, some flagged."""
    rows: list[tuple[int, ...]] = []
    time, here = T0 + draw(st.integers(0, 5)) * 1000, (9000.0, 0.0)
    for spot, count, apart_s, stands, speed, accuracy, trust in draw(legs):
        for i in range(count):
            time += apart_s * 1000
            share = 1.0 if stands else (i + 1) / count
            jitter = draw(st.integers(-3, 3))
            x = here[0] + (spot[0] - here[0]) * share + jitter
            lat, lon = offset(centre, x, here[1] + (spot[1] - here[1]) * share)
            reported = -1 if speed < 0 else speed * 100
            rows.append((tracker, time, round(lat * 1e7), round(lon * 1e7), reported, accuracy, -1, 0, int(trust)))
            odd = draw(st.integers(0, 40))
            if odd == 0:  # an outlier at the same time
                rows.append((*rows[-1][:2], rows[-1][2] - 40_000, *rows[-1][3:5], 50, -1, 0, int(trust)))
            elif odd == 1:  # a jump of 500 m that claims precision
                rows[-1] = (*rows[-1][:2], rows[-1][2] - 45_000, rows[-1][3], 0, 40, -1, 0, int(trust))
            elif odd == 2:
                doubt = draw(st.sampled_from((Flag.MOCK, Flag.FUTURE, Flag.ROLLOVER)))
                rows[-1] = (*rows[-1][:7], int(doubt), int(trust))
        here = (float(spot[0]), float(spot[1]))
    return track.Track.of(*np.array(rows, dtype=np.int64).T)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[FenceIndex, track.Track]:
    centre = draw(st.sampled_from(CENTRES))
    minutes = st.integers(0, 90)
    return index_at(centre, (draw(minutes), draw(minutes), draw(minutes))), draw(tracks(centre))


def together(*parts: track.Track) -> track.Track:
    names = track.Track.__slots__
    return track.Track(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def by_key(told: dict[int, list[Visit]]) -> dict[tuple[int, tuple[int, int]], Visit]:
    return {(tracker, visit.key): visit for tracker, visits in told.items() for visit in visits}
