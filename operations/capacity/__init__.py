"""How far a stack goes, and what breaks first."""
