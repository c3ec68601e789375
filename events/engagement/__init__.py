"""Online activity, imports, metrics, lift and the reports made of them."""
