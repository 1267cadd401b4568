"""The Anthropic API: request bodies to core types, core types to messages, streams and errors."""
