"""Apache Airflow provider for the import jobs of Amazon Connect Wisdom (Amazon Q in Connect)."""

__version__ = "0.1.0"
