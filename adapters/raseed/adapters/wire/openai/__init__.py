"""The OpenAI API: request bodies to core types, core types to answers, streams and errors."""
