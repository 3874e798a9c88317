"""What is done with the records of calls, beside keeping them."""
