"""What is known of identifiers outside: numbering plans."""
