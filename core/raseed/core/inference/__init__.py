"""Requests to models, and the runs that answer them."""
