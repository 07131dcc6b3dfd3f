"""The position pipeline: from decoded messages to committed custody, an ordered list of steps."""
