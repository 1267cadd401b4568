"""What happens around every method: observe → errors → auth. Each file wraps a behavior and knows one concern."""
