"""The secrecy of stored content."""
