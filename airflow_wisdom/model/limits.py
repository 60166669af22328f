"""How much of something AWS allows, and how much this package asks of it by itself. Pure numbers, each of them once."""

MAX_FILE_ROWS = 100
"""AWS's quota: at most 100 quick responses in one import file."""

MAX_FILE_BYTES = 1_000_000
"""Largest file that is uploaded. AWS's guide allows 1 MB, its service quotas 5 MB; the smaller is the default."""

MAX_REPORT_BYTES = 10_000_000
"""Largest report of failed records that is fetched: ten times the largest file."""

MAX_ROUTING_PROFILES = 40
"""AWS's quota: at most 40 routing profiles of one quick response."""

MAX_METADATA_PAIRS = 10
"""AWS type ``ContentMetadata``: pairs of an import job's metadata."""

MAX_METADATA_VALUE = 4_096
"""AWS type ``ContentMetadata``: characters of a value."""

MAX_CLIENT_TOKEN = 4_096
"""AWS type ``NonEmptyString``: characters of the token of a request."""

MAX_UPLOAD_ID = 1_200
"""AWS type ``UploadId``: its characters."""

MAX_TAG_VALUE = 256
"""AWS type ``TagValue``: its characters."""

SAMPLE_SIZE = 20
"""Invalid rows and refused records that are shown, in log, XCom and errors."""

MAX_ACTIVE_JOBS = 3
"""Import jobs of one task that run at a time. How many AWS allows is not documented."""
