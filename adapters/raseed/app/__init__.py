"""The composition root: what starts, supervises and stops the platform. Nothing imports it."""
