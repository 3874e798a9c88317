"""The embedded engine: a server of the Realtime protocol with ears, a brain and a mouth that need no key."""
