"""The payment provider is away while orders keep coming in."""
