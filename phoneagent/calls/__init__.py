"""Calls in progress: who answers, what runs, what is left behind."""
