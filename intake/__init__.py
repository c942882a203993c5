"""What happens, in which order, and for whom (the top storey)."""
