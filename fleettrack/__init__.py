"""fleettrack: raw pings in, a provable, serial-level chain of custody out."""

__version__ = "0.1.0"
