"""The database and everything that knows SQL."""
