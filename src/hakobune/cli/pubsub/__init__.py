"""`hakobune pubsub …`: the words of `gcloud pubsub` (spec/storage_pubsub.md section 34)."""
