"""The doctor's checks, by what they look at. Each is `async (patient) -> Result`."""
