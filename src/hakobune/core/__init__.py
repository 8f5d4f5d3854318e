"""What decides: rooms of pure functions and the words that all rooms share. No clock, socket, file or dice."""
