"""Routes whose JSON or bytes are not ours to type: what others specified, what browsers and providers send."""
