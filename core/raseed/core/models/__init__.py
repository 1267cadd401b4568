"""The local models: which versions there are, what their names stand for, and which of them are in memory."""
