"""What a candidate claims, over all stories and answers, and where claims cannot all be true."""
