"""The targets of the design, one file each: `fleettrack bench` runs them. docs/benchmarks.md says what bounds them."""
