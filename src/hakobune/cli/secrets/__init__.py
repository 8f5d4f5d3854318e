"""`hakobune secrets`: secrets and their versions, as gcloud's."""
