"""Venues, meetups, series and sponsors."""
