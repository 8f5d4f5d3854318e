"""The commands of worker pools: `run worker-pools …`."""
