"""The command line: ``airflow-wisdom``, and from Airflow 3.2 on the same as ``airflow wisdom``.

A command is one entry of :data:`~airflow_wisdom.cli.commands.COMMANDS` and one function that it names. The entry is
plain data: to show a help text, neither Airflow nor boto3 nor rich is imported. The function is a form that fills in a
run. It tells people on stderr how far it is, and returns an :class:`~airflow_wisdom.cli.outcome.Outcome` for stdout.
"""

from airflow_wisdom.cli.program import main as main
