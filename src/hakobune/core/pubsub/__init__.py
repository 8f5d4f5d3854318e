"""Messages: topics, subscriptions, snapshots, schemas, and every decision about them."""
