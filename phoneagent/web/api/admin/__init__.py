"""The API of the Settings page: what the service is told, who may do what, who is told what, and who has done what."""
