"""What stands in for the world in a test: virtual time, a fake engine, faults from a seed, and checkers."""
