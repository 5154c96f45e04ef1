#!/bin/bash
# A process without a port: it works, and its lines are the app's log.
trap 'echo "asked to stop"; exit 0' TERM
for ((round = 1; ; round++)); do
  echo "round $round of worker ${CF_INSTANCE_INDEX:-0}"
  sleep 10 & wait $!
done
