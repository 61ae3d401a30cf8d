-- Say whether acts of people can be recorded: there are tables, of this version.
SELECT count(*) = 1
FROM pg_attribute
WHERE attrelid = to_regclass('operator_actions') AND attname = 'origin'
