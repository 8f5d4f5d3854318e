"""`hakobune workflows …`: the words of `gcloud workflows`, and what it lacks (spec/workflows.md section 11)."""
