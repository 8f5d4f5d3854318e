"""The commands under `run jobs`."""
