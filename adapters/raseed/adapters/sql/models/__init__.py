"""The catalogue of local models in SQL."""
