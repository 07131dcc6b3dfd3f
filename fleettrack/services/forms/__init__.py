"""What people hand in and are handed back: frozen, by the names people use (references), never by database ids.

`New…` are handed in: an unknown field is refused, so that a misspelt one is not overlooked. What is handed back as it
is stored is defined there (storage.parties.Party, …). All moments are aware, and kept to the millisecond. Lists are
paged: ask again with `after` set to the key of the last one seen.
"""
