"""Memory: what the house remembers, behind one interface."""
