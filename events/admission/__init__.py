"""Registrations, tickets and calendars: who has a place, and the proof of it."""
