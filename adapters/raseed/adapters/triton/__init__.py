"""NVIDIA Triton as a model engine: its bundled server, its model repository, and the backend that speaks to it."""
