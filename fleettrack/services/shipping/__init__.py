"""From what somebody wrote down to a stored consignment: drafts are checked whole, then written set-based."""
