"""The gRPC port. Services join it with their issues; what is not there answers UNIMPLEMENTED by name."""
