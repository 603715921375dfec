"""Families of programs that are written from genotypes, and the proposer that varies them."""
