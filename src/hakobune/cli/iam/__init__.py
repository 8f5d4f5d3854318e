"""`hakobune iam`: service accounts and their keys, as gcloud's."""
