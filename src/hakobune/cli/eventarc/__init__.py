"""`eventarc …`: who is told of which events."""
