scripts/start.sh
