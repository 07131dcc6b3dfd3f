"""The protocols that can be decoded, by name. One more is one module and one row."""

from __future__ import annotations

from collections.abc import Callable

from fleettrack.ingest.codecs import decoder, json_ping
from fleettrack.ingest.codecs.nmea import codec as nmea

CODECS: dict[str, Callable[[decoder.Settings], decoder.Decoder]] = {
    "nmea": nmea.Decoder,
    "json": json_ping.Decoder,
}


def open_decoder(protocol: str, settings: decoder.Settings | None = None) -> decoder.Decoder:
    """Return a new decoder for one connection or file."""
    return CODECS[protocol](settings or decoder.Settings())
