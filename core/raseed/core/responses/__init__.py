"""Responses: answers that are kept, continued, followed and cancelled under an id of their own."""
