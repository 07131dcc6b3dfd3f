"""Where is it, and did it stop there: shapes, membership in bulk, and the visit fold (pure)."""
