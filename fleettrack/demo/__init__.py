"""The simulated fleet: trucks, trackers and people in a process of their own, that know addresses and keys only.

`world` → `motion` → `trips` are the truth, `trackers` what devices make of it, `people` what is typed in, `fleet` the
process; `seed`, `watch` and `check` are the other side: they set up, show and audit the service over its own API.
"""
