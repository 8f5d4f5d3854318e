"""Attempts as processes of this machine. Import its modules by name: the supervisor loads few of them."""
