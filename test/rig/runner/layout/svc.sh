#!/usr/bin/env bash
#
# The real runner has this file. The stand-in has only its name.

echo "The stand-in runner has no svc.sh." >&2
exit 1
