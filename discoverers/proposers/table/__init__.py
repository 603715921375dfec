"""The proposer of the tasks on a table."""
