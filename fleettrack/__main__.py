"""`python -m fleettrack` is `fleettrack`."""

from fleettrack import cli

if __name__ == "__main__":
    cli.main(prog_name="fleettrack")
