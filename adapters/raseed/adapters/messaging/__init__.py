"""Drivers that carry messages out: WhatsApp, e-mail, and a file."""
