"""What the archive rests on in the database: changes counted, the manifest, whole rows."""
