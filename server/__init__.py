"""The ground everyone stands on: settings, database, accounts, rendering and running."""
