"""What objects are: buckets, versions, checksums, conditions, lists. Pure."""
