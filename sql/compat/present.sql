-- Say whether there is the schema for readers of an earlier system, made by us.
SELECT obj_description(to_regnamespace('compat'), 'pg_namespace') = 'Made by collector db compat.' AS present
