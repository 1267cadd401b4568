"""What a session is called for its owner: browser and system, and no more than that."""

from __future__ import annotations

USER_AGENT_CHARS_MAX = 512
"""Of what is looked at; it is not kept."""
_BROWSERS = (
    ("edg", "Edge"), ("opr/", "Opera"), ("samsungbrowser", "Samsung Internet"), ("firefox", "Firefox"),
    ("fxios", "Firefox"), ("crios", "Chrome"), ("chrome", "Chrome"), ("safari", "Safari"), ("curl", "curl"),
    ("python", "Python"), ("grpc", "a gRPC client"), ("node", "Node.js"), ("go-http", "Go"),
)  # fmt: skip
_SYSTEMS = (
    ("iphone", "iPhone"), ("ipad", "iPad"), ("android", "Android"), ("windows", "Windows"), ("cros", "ChromeOS"),
    ("mac os", "macOS"), ("linux", "Linux"),
)  # fmt: skip


def device_label(user_agent: str) -> str:
    """Names of ours alone, whatever is sent; empty if nothing is recognised.

    >>> device_label("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Windows'
    """
    text = user_agent[:USER_AGENT_CHARS_MAX].lower()
    browser = next((name for mark, name in _BROWSERS if mark in text), "")
    system = next((name for mark, name in _SYSTEMS if mark in text), "")
    return " on ".join(part for part in (browser, system) if part)
