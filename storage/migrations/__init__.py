"""The steps by which a database comes to this program's schema; run by `storage.schema.upgrade`, never by hand."""
