"""Runs when an import job ends, whoever started it."""

from __future__ import annotations

# [START watching]
from airflow.sdk import DAG, task
from knowledge_bases import support

with DAG("watching", schedule=[support]):

    @task
    def react(): ...

    react()
# [END watching]
