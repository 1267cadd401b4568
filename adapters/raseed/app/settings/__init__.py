"""Settings: sections by subject, and how they are read."""
