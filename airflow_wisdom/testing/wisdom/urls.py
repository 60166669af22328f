"""URLs of the service; boto3's `wisdom` and `qconnect` clients share one endpoint."""

from .connect import InstanceResponse
from .responses import WisdomResponse
from .steering import PATH, control
from .storage import stored_object

url_bases = [
    r"https?://wisdom\.([^.]+)\.amazonaws\.com",
    # Uploads and reports. AWS's own lie in S3; a host like S3's would be taken by moto's S3, which comes first.
    r"https?://wisdom-content\.([^.]+)\.amazonaws\.com",
]

url_paths = {
    # "wisdom_{region}" is what moto's server routes requests without an Authorization header by.
    "{0}/wisdom_(?P<region>[a-z0-9-]+)/(?P<key>.+)$": stored_object,
    "{0}/.*$": WisdomResponse.dispatch,
}

# Of moto's own control API.
moto_api_paths = {"{0}" + PATH: control}

# Of Amazon Connect, which moto has, but for these.
connect_paths = {
    "{0}/routing-profiles-summary/(?P<InstanceId>.+)$": InstanceResponse.dispatch,
    "{0}/instance/(?P<InstanceId>.+)/integration-associations$": InstanceResponse.dispatch,
}
