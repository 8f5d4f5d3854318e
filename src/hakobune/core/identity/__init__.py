"""Who calls and what they may know: tokens, service accounts, roles, secrets."""
