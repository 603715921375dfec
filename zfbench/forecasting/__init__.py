"""The first kind of task: programs that forecast recordings; their contract, training, evaluation and judge."""
