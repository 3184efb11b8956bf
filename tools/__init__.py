"""Tools around the product: faults, benchmarks, generated documents."""
