#!/usr/bin/env sh
echo up
