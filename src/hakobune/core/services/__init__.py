"""Services and worker pools: programs that stay, in instances. Pure."""
