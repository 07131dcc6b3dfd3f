"""Transports: bytes from sockets and files into the pipeline."""
