"""What the people who run the platform can do."""
