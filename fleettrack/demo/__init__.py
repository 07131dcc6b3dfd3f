"""A simulated fleet that knows only addresses and keys."""
