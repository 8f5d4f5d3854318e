"""`hakobune storage …`: buckets and objects, as `gcloud storage`. One chapter per subject."""
