"""One watcher for all that wait for import jobs over one AWS connection in one event loop.

A trigger asks for its job and awaits it, or follows all jobs of a knowledge base. The watcher makes the calls: with one
boto3 client, in worker threads, so that neither loading the service model, nor credentials, nor TLS, nor a slow answer
ever holds the event loop.

For each knowledge base one task looks at the jobs that are due, through ListImportJobs where that needs fewer calls
than a GetImportJob each, and another at the whole list, if somebody follows it. All of them together keep to one budget
of calls per second, because AWS counts the calls of the whole account and region together.
"""

from airflow_wisdom.watcher.connection import AwsConnection, Connects, ReadyConnection
from airflow_wisdom.watcher.history import Look
from airflow_wisdom.watcher.waits import Outcome
from airflow_wisdom.watcher.watcher import ImportJobWatcher

__all__ = ["AwsConnection", "Connects", "ImportJobWatcher", "Look", "Outcome", "ReadyConnection"]
