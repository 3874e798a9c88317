"""Figures of performance: `python -m bench --help`. What they mean is in docs/performance.md."""
