"""What is settled before a network learns: how time is cut, what is scaled how, which network; told as it is."""
