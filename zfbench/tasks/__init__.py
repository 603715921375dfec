"""The tasks that zfbench ships, one folder for each family of tasks."""
