"""`hakobune scheduler …`: Cloud Scheduler's jobs, in gcloud's words."""
