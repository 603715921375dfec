"""What a family of programs offers to the proposer `grammar`, and the genes of training that families share."""
