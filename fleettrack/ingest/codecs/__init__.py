"""Decoders: bytes into fixes, pure and synchronous. They never raise on bad input: it becomes a reject."""
