"""HTTP only: the door's machine interface, its app, and the organiser's page about it."""
