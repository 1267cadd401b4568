"""Rate limits: how often, how much and how many at a time. They protect capacity; money is guarded by holds."""
