"""What any function of ours needs of Lambda, HTTP and AWS; knows nothing of orders."""
