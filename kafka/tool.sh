#!/bin/sh
# Mounted into the brokers' containers as kafka-topics, kafka-consumer-groups …: runs the image's tool of that name.
exec "/opt/kafka/bin/$(basename "$0").sh" "$@"
