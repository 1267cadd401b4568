"""Payment providers, each a `Gateway` of `core.payments.ports` over its HTTP API."""
