"""Images and indexes in a folder of the OCI image layout, out of entries of layers. Same entries, same digests."""

import gzip
import hashlib
import io
import json
import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
NAME = "org.opencontainers.image.ref.name"
EPOCH = "1970-01-01T00:00:00Z"


class Layout:
    """A folder of the OCI image layout."""

    def __init__(self, folder):
        self.folder = folder

    def put(self, data, media_type):
        name = digest(data)
        path = self.blob(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return {"mediaType": media_type, "digest": name, "size": len(data)}

    def put_json(self, value, media_type):
        return self.put(json.dumps(value, separators=(",", ":")).encode(), media_type)

    def finish(self, entries, annotations):
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": annotations}
        (self.folder / "index.json").write_text(json.dumps(index, indent=1))

    def blob(self, name):
        return self.folder / "blobs" / name.replace(":", "/")

    def entries(self):
        return self.index()["manifests"]

    def index(self):
        return json.loads((self.folder / "index.json").read_bytes())

    def json(self, descriptor):
        return json.loads(self.blob(descriptor["digest"]).read_bytes())


def pack(entries):
    """One order, no times, no names of owners."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, (member, data) in sorted(entries.items()):
            member.name, member.size, member.mtime = path, len(data), 0
            member.uname = member.gname = ""
            member.pax_headers = {}
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def image(layout, runs_on, settings, layers, written, level=6):
    """One manifest. Layers are told apart by identity: what two images share is packed once."""
    for layer in layers:
        if id(layer) not in written:
            plain = pack(layer)
            written[id(layer)] = layout.put(gzip.compress(plain, level, mtime=0), LAYER), digest(plain)
    descriptors, plain_digests = zip(*(written[id(layer)] for layer in layers))
    config = layout.put_json({
        **runs_on, "created": EPOCH, "config": settings,
        "rootfs": {"type": "layers", "diff_ids": plain_digests},
        "history": [{"created": EPOCH, "created_by": "made from packages"} for _ in layers],
    }, CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors}
    return layout.put_json(manifest, MANIFEST)


def index_of(layout, manifests, reference):
    """The entry of the layout's own index: an index of these manifests under a reference."""
    index = layout.put_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}, INDEX)
    return {**index, "annotations": {NAME: reference}}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()
