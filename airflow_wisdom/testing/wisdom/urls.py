"""URLs of the service; boto3's `wisdom` and `qconnect` clients share one endpoint."""

from .responses import WisdomResponse, control, stored_object

url_bases = [
    # A bucket called "wisdom" stays S3's: wisdom.s3.amazonaws.com, wisdom.s3-us-west-2.amazonaws.com.
    r"https?://wisdom\.(?!s3[.-])([^.]+)\.amazonaws\.com",
    # Uploads and reports, in a bucket that the service owns. S3's pattern matches too, so ours comes first.
    r"https?://wisdom-content-[a-z0-9-]+\.s3\.([^.]+)\.amazonaws\.com",
]

url_paths = {
    # "wisdom_{region}" is what moto's server routes requests without an Authorization header by.
    "{0}/wisdom_(?P<region>[a-z0-9-]+)/control$": control,
    "{0}/wisdom_(?P<region>[a-z0-9-]+)/(?P<key>.+)$": stored_object,
    "{0}/.*$": WisdomResponse.dispatch,
}
