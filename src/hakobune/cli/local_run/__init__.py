"""A workflow run here, from its file: no server, nothing deployed, nothing kept."""
