"""What runs inside Lambda: one module a function, the domain in orders/, the rest in toolkit/."""
