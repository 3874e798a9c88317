"""The steps from one shape of the database to the next. Each is small, and none is ever changed."""
