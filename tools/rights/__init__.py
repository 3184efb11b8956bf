"""What a running system is granted, held against what it uses: python -m tools.rights."""
