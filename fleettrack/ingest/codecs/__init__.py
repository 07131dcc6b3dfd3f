"""Decoders, one file a protocol: bytes in, fixes, statuses and rejects out (pure)."""
