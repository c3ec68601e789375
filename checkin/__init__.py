"""The door, and what happens inside."""
