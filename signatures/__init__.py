"""What a document's signatures say; knows nothing of mail or SQL."""
