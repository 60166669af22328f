"""Who waits for import jobs, and who follows all of a knowledge base's: a user of the calls of an AWS connection.

A trigger asks for its job and awaits it, or follows all jobs of a knowledge base. For each knowledge base one task
looks at the jobs that are due, through ListImportJobs where that needs fewer calls than a GetImportJob each, and
another at the whole list, if somebody follows it.
"""

from airflow_wisdom.watcher.history import Look
from airflow_wisdom.watcher.waits import Outcome
from airflow_wisdom.watcher.watcher import ImportJobWatcher

__all__ = ["ImportJobWatcher", "Look", "Outcome"]
