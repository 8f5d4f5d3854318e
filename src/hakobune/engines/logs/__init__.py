"""Output of attempts on disk. Import `writer` and `reader` by name: the writer's process loads nothing else."""
