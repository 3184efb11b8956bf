"""The domain: orders, their states, their events, their store."""
