"""How well arrivals are told: generated days with known truth, the detectors compared on them, and their scores."""
