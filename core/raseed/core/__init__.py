"""The rules of the product: money, accounts, inference. Imports the standard library and itself only."""
