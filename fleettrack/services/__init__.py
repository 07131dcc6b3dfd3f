"""What the service does, in terms of storage and domain."""
