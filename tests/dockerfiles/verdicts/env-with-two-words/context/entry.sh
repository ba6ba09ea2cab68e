#!/usr/bin/env sh -e
echo up
