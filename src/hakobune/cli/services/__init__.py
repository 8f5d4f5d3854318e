"""The commands of services and revisions, and what worker pools share with them."""
