"""Jobs: what is declared, what one run leaves behind, and what happens next in it."""
