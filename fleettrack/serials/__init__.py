"""GS1 identifiers and the life of a serial (pure)."""
