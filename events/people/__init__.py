"""Communities, their members, the names they go by online, and what they agreed to."""
