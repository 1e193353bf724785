"""The files of other tools -> a tree: supervisord.conf, a Procfile, process-compose.yaml."""
