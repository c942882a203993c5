"""What is kept: records, ledger, vault."""
