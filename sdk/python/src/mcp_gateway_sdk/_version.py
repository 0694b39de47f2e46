"""The version of this package, and what it calls itself to servers."""

__version__ = "0.1.0"
CLIENT_NAME = "mcp-gateway-sdk"
USER_AGENT = f"{CLIENT_NAME}-python/{__version__}"
