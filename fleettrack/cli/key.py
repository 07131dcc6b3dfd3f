"""fleettrack key: the API keys."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, get_args

import click
import msgspec

from fleettrack import bootstrap, config
from fleettrack.cli import options
from fleettrack.services import keys
from fleettrack.storage import keys as stored

PAGE = 500

_T = TypeVar("_T")


@click.group("key", epilog="Example: fleettrack key create --role dispatcher --name Ada")
def command() -> None:
    """Make, list and end API keys."""


@command.command(
    "create", epilog="Example: fleettrack key create --role carrier --party ACME --name 'ACME gateway' --days 365"
)
@click.option("--role", type=click.Choice(get_args(stored.Role)), required=True, help="What it may do.")
@click.option("--party", metavar="REF", help="The party a carrier's key posts for.")
@click.option("--name", default="", help="What it is for, in the list.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Ends by itself after so many days.")
@options.data_dir
@options.database_url
@options.as_json
def create(
    role: stored.Role,
    party: str | None,
    name: str,
    days: float | None,
    data_dir: Path | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Make a key and print it: this once, nobody can read it again."""
    expires_at = None if days is None else dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    made = _with_keys(
        data_dir, database_url, lambda k: k.create(name=name, role=role, party=party, expires_at=expires_at)
    )
    click.echo(msgspec.json.encode(made).decode() if as_json else made.token)


@command.command("list", epilog="Example: fleettrack key list --json | jq .prefix")
@options.data_dir
@options.database_url
@options.as_json
def listed(data_dir: Path | None, database_url: str | None, as_json: bool) -> None:
    """List all keys, a line each; never what opens doors."""
    for row in _with_keys(data_dir, database_url, _all):
        click.echo(msgspec.json.encode(row).decode() if as_json else _line(row))


@command.command("revoke", epilog="Example: fleettrack key revoke flt_1a2b3c4d")
@click.argument("key", metavar="PREFIX|NUMBER")
@options.data_dir
@options.database_url
def revoke(key: str, data_dir: Path | None, database_url: str | None) -> None:
    """End a key for good; a running service refuses it within a second."""
    number = _with_keys(data_dir, database_url, lambda k: k.revoke(key))
    click.echo(f"Key {number} is revoked.")


def _with_keys(data_dir: Path | None, database_url: str | None, ask: Callable[[keys.Keys], Awaitable[_T]]) -> _T:
    settings = config.load(data_dir=data_dir, database_url=database_url)

    async def run() -> _T:
        async with bootstrap.open_database(settings) as db:
            return await ask(keys.Keys(db))

    return asyncio.run(run())


async def _all(k: keys.Keys) -> list[stored.Row]:
    rows = page = await k.page(0, PAGE)
    while len(page) == PAGE:
        page = await k.page(page[-1].id, PAGE)
        rows = rows + page
    return rows


def _line(row: stored.Row) -> str:
    used = f"used {row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never used"
    return f"{row.id:>5}  {row.prefix}  {row.role:<10}  {row.party or '-':<12}  {_state(row):<18}  {used}  {row.name}"


def _state(row: stored.Row) -> str:
    if row.revoked_at:
        return "revoked"
    if row.expires_at is None:
        return "valid"
    return f"{'ended' if row.expires_at <= dt.datetime.now(dt.UTC) else 'until'} {row.expires_at:%Y-%m-%d}"
