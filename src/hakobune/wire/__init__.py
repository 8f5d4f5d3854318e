"""Translation between the JSON of Google's APIs and our types: pure, one chapter per API version."""
