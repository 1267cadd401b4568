"""What the platform tells people: codes at once, notices through the outbox."""
