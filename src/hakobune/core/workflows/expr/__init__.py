"""What stands between `${` and `}`: tokens, grammar, nodes, and the closures that they become."""
