"""Models of cloud providers."""
