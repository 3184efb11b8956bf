"""What a stack costs on AWS, from what the program registers: idle, and by the order."""
