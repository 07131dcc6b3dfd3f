"""Every setting, once: from the environment (`FLEETTRACK_*`), else `fleettrack.toml`, else the default here.

docs/settings.md is this table for people; a test holds the two together.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import pydantic
import pydantic_settings

from fleettrack.domain import errors

FILE = "fleettrack.toml"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Port = Annotated[int, pydantic.Field(ge=0, le=65535)]
PortOrOff = Annotated[Port | None, pydantic.BeforeValidator(lambda value: None if value == "off" else value)]


class Listener(pydantic.BaseModel, frozen=True, extra="forbid"):
    """One socket for trackers, beside the ones that the plain settings open."""

    transport: Literal["tcp", "udp"] = pydantic.Field(default="tcp", description="What it listens to.")
    port: Port = pydantic.Field(default=0, description="Port; 0 takes any free one.")
    host: str | None = pydantic.Field(
        default=None, description="Address to listen on; that of the service when not given."
    )
    protocol: Literal["auto", "nmea", "json"] = pydantic.Field(
        default="auto", description="What is spoken; `auto` takes JSON where the first byte is `{` or `[`, else NMEA."
    )
    tracker: str | None = pydantic.Field(
        default=None, description="Who sends where a message does not say it: for gateways."
    )
    ack: bool = pydantic.Field(default=False, description="Answer NMEA with `OK <n>` after the commit.")
    checksum: Literal["require", "if-present", "ignore"] | None = pydantic.Field(
        default=None, description="Policy for all that send here, over that of the single tracker."
    )
    networks: tuple[Network, ...] = pydantic.Field(
        default=(), description="Source networks that prove who sends: trust `source` instead of `none`."
    )
    idle_s: float = pydantic.Field(
        default=900.0, gt=0, description="A connection that says nothing this long is closed."
    )
    connections_per_source: int = pydantic.Field(
        default=1_000, gt=0, description="Open connections of one address; further ones are closed at once."
    )


class Settings(pydantic_settings.BaseSettings):
    """What an operator can set."""

    model_config = pydantic_settings.SettingsConfigDict(
        env_prefix="FLEETTRACK_", toml_file=FILE, extra="forbid", frozen=True, env_ignore_empty=True
    )

    data_dir: Path = pydantic.Field(
        default_factory=lambda: default_data_dir(),
        description="Folder of the own database and of the spool.",
    )
    database_url: str | None = pydantic.Field(
        default=None,
        description="A PostgreSQL to use; without it the service runs its own in the data folder.",
        repr=False,
    )
    host: str = pydantic.Field(default="127.0.0.1", description="Address that all sockets listen on.")
    port: Port = pydantic.Field(default=8080, description="HTTP port; 0 takes any free one, here and below.")
    nmea_port: PortOrOff = pydantic.Field(default=5000, description="TCP port for NMEA and JSON lines; `off` for none.")
    nmea_udp_port: PortOrOff = pydantic.Field(default=None, description="UDP port for the same.")
    nmea_ack: bool = pydantic.Field(default=False, description="`OK <n>` after the commit on these two ports.")
    listeners: tuple[Listener, ...] = pydantic.Field(default=(), description="More sockets for trackers; a table each.")
    spool_bytes: int = pydantic.Field(
        default=1 << 30, ge=1 << 20, description="Room on disk for messages that come while the database is away."
    )
    body_bytes: int = pydantic.Field(default=8 << 20, gt=0, description="Largest HTTP body as sent.")
    inflated_bytes: int = pydantic.Field(default=32 << 20, gt=0, description="Largest HTTP body after decompression.")
    reject_days: int = pydantic.Field(
        default=30, ge=1, description="Days that rejected messages can be read; then they are deleted."
    )
    held_days: int = pydantic.Field(
        default=30, ge=1, description="Days that pings of unknown trackers wait to be claimed; then they are deleted."
    )
    none_trust_may_transfer: bool = pydantic.Field(
        default=False, description="Let fixes of trackers that prove nothing about themselves move custody."
    )
    log_level: Literal["debug", "info", "warning", "error"] = pydantic.Field(
        default="info", description="What is logged."
    )
    log_json: bool = pydantic.Field(default=True, description="Log JSON lines; off is for a person's terminal.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[pydantic_settings.BaseSettings],
        init_settings: pydantic_settings.PydanticBaseSettingsSource,
        env_settings: pydantic_settings.PydanticBaseSettingsSource,
        dotenv_settings: pydantic_settings.PydanticBaseSettingsSource,
        file_secret_settings: pydantic_settings.PydanticBaseSettingsSource,
    ) -> tuple[pydantic_settings.PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, and that over the file."""
        return init_settings, env_settings, pydantic_settings.TomlConfigSettingsSource(settings_cls)

    def tracker_listeners(self) -> tuple[Listener, ...]:
        """Return all sockets for trackers: those of the plain settings, then the listed ones."""
        plain: list[Listener] = []
        if self.nmea_port is not None:
            plain.append(Listener(transport="tcp", port=self.nmea_port, ack=self.nmea_ack))
        if self.nmea_udp_port is not None:
            plain.append(Listener(transport="udp", port=self.nmea_udp_port, ack=self.nmea_ack))
        return (*plain, *self.listeners)


def load(**given: object) -> Settings:
    """Return the settings; `given` (from the command line, None where not said) wins.

    Raises:
        Invalid: a setting has a wrong value or an unknown name, or the file is no TOML.
    """
    try:
        return Settings(**{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
    except pydantic.ValidationError as exc:
        problems = [{"place": ".".join(map(str, e["loc"])), "reason": e["msg"]} for e in exc.errors()]
        said = "; ".join(f"{p['place']}: {p['reason']}" for p in problems)
        raise errors.Invalid(f"the settings cannot be used: {said}", problems=problems) from exc
    except tomllib.TOMLDecodeError as exc:
        raise errors.Invalid(f"{FILE} cannot be read: {exc}", problems=[{"place": FILE, "reason": str(exc)}]) from exc


def default_data_dir() -> Path:
    """Return where data is kept when nobody says where."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/fleettrack")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "fleettrack"
