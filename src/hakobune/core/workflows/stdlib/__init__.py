"""The standard library: what each function takes, gives and raises."""
