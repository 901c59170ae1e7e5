"""The Postgres edge: connections, arrays, statements, and the store that uses them."""
