"""Hakobune: a durable, self-hosted runtime for Cloud Run jobs and Workflows definitions."""

__version__ = "0.1.0.dev0"
__all__ = ["__version__"]
