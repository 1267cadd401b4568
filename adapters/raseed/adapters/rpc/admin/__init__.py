"""What operators call: their services, on listeners of their own."""
