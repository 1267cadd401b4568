"""Files of local models: kept under their digests, and looked at before anything loads them."""
