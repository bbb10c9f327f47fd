"""Prints where the middle of each picture lies on the field: python subscribe.py mqtt://BOX."""

import sys

from edge.publish.client.subscriber import TouchlineClient, field_from_pixels

with TouchlineClient(sys.argv[1]) as client:
    for received in client.messages():
        if received.kind == "homography" and received.message.matrix is not None:
            width, height = received.message.image_size
            at = field_from_pixels(received.message, [[width / 2, height / 2]])
            print(received.address.device, at.points_m[0], "±", at.error_m[0], "m", flush=True)
