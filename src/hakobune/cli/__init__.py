"""The command line. It speaks only HTTP, and starts fast: nothing here imports dataclasses, enum, typing or asyncio at
the top (each costs more than the rest of a command); domain types are small classes with slots instead."""
