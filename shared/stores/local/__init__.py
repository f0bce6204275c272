"""The stores of one machine: SQLite for documents, a folder for files."""
