"""What a family of programs offers to the proposer `genotypes`, and the genes of training that families share."""
