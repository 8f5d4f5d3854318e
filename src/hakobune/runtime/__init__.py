"""The wheel, its loops, and the rooms on it: what runs, waits, leases and performs."""
