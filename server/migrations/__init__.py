"""The one history of the schema: one Piccolo app, SQL written by hand."""
