"""The decisions of a call, without I/O: the standard library and nothing else."""
