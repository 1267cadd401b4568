"""The gRPC server: interceptors, and one thin servicer with one mapping file for each service."""
