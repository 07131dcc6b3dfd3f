"""What people hand in and are handed back: frozen, by the names people use (references), never by database ids.

`New…` are handed in: an unknown field is refused, so that a misspelt one is not overlooked. All moments are aware;
they are kept to the millisecond. Lists are paged: ask again with `after` set to the key of the last one seen.
"""
