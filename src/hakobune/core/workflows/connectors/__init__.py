"""`googleapis.*`: methods as data, and the procedure that calls one and waits for its operation."""
