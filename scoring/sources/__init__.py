"""Images wherever they lie: folders, archives, tables; here or in a bucket."""
