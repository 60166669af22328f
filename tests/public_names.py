"""The public names, module by module: to add, rename or remove one is a decision, and belongs into the changelog."""

PUBLIC = {
    "assets": [
        "create_asset",
    ],
    "exceptions": [
        "AccessDeniedError",
        "AirflowConnectionNotFoundError",
        "AwsError",
        "ClientConfigurationError",
        "ClientTokenUsedError",
        "ConflictError",
        "EndpointError",
        "FailedRecordReportError",
        "FailedRecordsError",
        "ImportIncompleteError",
        "ImportJobError",
        "ImportJobFailedError",
        "ImportJobTimeoutError",
        "InvalidCredentialsError",
        "InvalidRowsError",
        "OptionError",
        "ResourceNotFoundError",
        "ServiceQuotaExceededError",
        "ServiceUnavailableError",
        "SourceError",
        "SourceFormatError",
        "StorageError",
        "TemplateMismatchError",
        "ThrottlingError",
        "UnknownImportJobStatusError",
        "UploadError",
        "UploadTooLargeError",
        "UploadUrlExpiredError",
        "ValidationError",
        "WisdomError",
        "wisdom_error_of",
    ],
    "hooks": [
        "WisdomHook",
    ],
    "lineage": [
        "import_lineage",
    ],
    "links": [
        "WisdomConsoleLink",
    ],
    "model.failed_records": [
        "FailedRecords",
    ],
    "model.import_job": [
        "ImportJob",
        "ImportJobStatus",
    ],
    "model.knowledge_base": [
        "KnowledgeBase",
    ],
    "operators": [
        "WisdomDeleteImportJobOperator",
        "WisdomGetImportJobOperator",
        "WisdomImportQuickResponsesOperator",
        "WisdomStartImportJobOperator",
    ],
    "rows": [
        "DEFAULT_TEMPLATE",
        "ImportTemplate",
        "Mistake",
        "Rules",
        "Validator",
        "field_limits",
        "prepare",
        "read",
    ],
    "sensors": [
        "WisdomImportJobSensor",
    ],
    "storage": [
        "Storage",
    ],
    "testing": [
        "FakeWisdom",
        "is_registered",
        "register",
    ],
    "transfers": [
        "SqlToWisdomOperator",
    ],
    "triggers": [
        "WisdomEndingsTrigger",
        "WisdomJobSensorTrigger",
        "WisdomJobsCompleteTrigger",
        "WisdomRunImportTrigger",
    ],
}
