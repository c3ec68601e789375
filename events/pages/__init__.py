"""HTTP only: one module per audience and subject."""
