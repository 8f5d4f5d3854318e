"""`hakobune apply`: a folder of definitions, brought about through the public HTTP APIs (decision 0032)."""
