"""The command line: one module a command, each imported only when it is used.

Exit codes: 0 it did what was asked, 1 it could not, 2 it was asked wrongly or ambiguously.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

import fleettrack
from fleettrack.domain import errors

COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("fleettrack.cli.serve", "Run the service."),
    "demo": ("fleettrack.cli.demo", "Run it with a simulated fleet, and watch."),
    "decode": ("fleettrack.cli.decode", "Decode recorded pings to JSON lines."),
    "replay": ("fleettrack.cli.replay", "Send recorded pings to a running service."),
    "import": ("fleettrack.cli.importing", "Import consignments with their serials from a manifest."),
    "trace": ("fleettrack.cli.trace", "Tell where a serial is and who holds it, now or then."),
    "geofence": ("fleettrack.cli.geofence", "Measure how well arrivals are told."),
    "key": ("fleettrack.cli.key", "Make, list and end API keys."),
    "ledger": ("fleettrack.cli.ledger", "Check the custody ledger."),
    "db": ("fleettrack.cli.db", "Look after the database."),
    "bench": ("fleettrack.cli.bench", "Measure how fast it is."),
}
"""Name → (module with a click command named `command`, its one-line help), in the order of `--help`."""


class _Failure(click.ClickException):
    def __init__(self, error: errors.FleettrackError) -> None:
        super().__init__(str(error))
        self._facts = error.facts

    def show(self, file: Any = None) -> None:
        super().show(file)
        for line in self._facts.get("candidates", ()):
            click.echo(f"  {line}", err=True)
        for problem in self._facts.get("problems", ()):
            click.echo(f"  {_sentence(problem)}", err=True)


def _sentence(problem: Mapping[str, Any] | str) -> str:
    """Tell one problem in a line: where, what stands there, and what is wrong with it."""
    if isinstance(problem, str):
        return problem
    value = f" {problem['value']!r}" if problem.get("value") is not None else ""
    return f"{problem.get('place', '')}{value}: {problem['reason']}"


class _AskAgain(_Failure):
    exit_code = 2


class Commands(click.Group):
    """A group whose sub-commands come from a table."""

    def __init__(self, *, table: dict[str, tuple[str, str]], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in self._table:
            return None
        command: click.Command = importlib.import_module(self._table[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._table.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what it could not do becomes a message and an exit code."""
        try:
            return super().invoke(ctx)
        except errors.FleettrackError as exc:
            raise (_AskAgain if isinstance(exc, errors.Ambiguous) else _Failure)(exc) from exc


@click.command(
    cls=Commands,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: fleettrack demo --for 120",
)
@click.version_option(fleettrack.__version__, prog_name="fleettrack")
def main() -> None:
    """Track shipments by GPS, and prove which serial was where, in whose hands."""
