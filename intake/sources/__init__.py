"""The places where deliveries wait: one file for each kind."""
