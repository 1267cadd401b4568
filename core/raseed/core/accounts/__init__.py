"""Who may call: accounts and their API keys."""
