"""The other end of the wire: speaks to a running service from outside, for `replay`, the demo's fleet and tests."""
