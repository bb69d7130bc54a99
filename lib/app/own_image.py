# SPDX-License-Identifier: MIT
"""Image transfer of SAP 1 on two files: image.bin, and image.rec with what is known of it.

Imported only where `update.max_image` is not 0.
"""

from app.record_file import RecordFile
from dlms.cosem.image_transfer import ImageTransfer, record_len
from hal.image_file import ImageFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.config import Config
    from base.log import Log
    from hal.store import FileStore

IMAGE_FILE = "image.bin"
RECORD_FILE = "image.rec"
_AROUND_LEN = 100


class ImageStore(ImageFile):
    """dlms.cosem.image_transfer.ImageStore."""

    def __init__(self, store: "FileStore", record_len: int) -> None:
        super().__init__(store, IMAGE_FILE)
        self._record = RecordFile(store, RECORD_FILE, record_len)

    def load(self) -> "bytes | None":
        """The record; None when there is none or it cannot be read."""
        return self._record.load()

    def save(self, octets: bytes) -> bool:
        """False when it is not on flash."""
        return self._record.save(octets)


def image_transfer(config: "Config", store: "FileStore", log: "Log") -> "ImageTransfer":
    """By the settings `update.*`."""
    # A block with ciphering and heads around it must fit an APDU.
    block_size = min(config.number("update.block_size"), config.number("wan.max_apdu") - _AROUND_LEN)
    most = config.number("update.max_image")
    return ImageTransfer(ImageStore(store, record_len(block_size, most)), block_size, most, log)
