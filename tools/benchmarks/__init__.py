"""Cold start, warm cost and the local run, measured side by side; see docs/performance.md."""
