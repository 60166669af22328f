"""AWS's nouns as values: knowledge base, import job, its ends, its report. Pure: no Airflow, no boto3."""
