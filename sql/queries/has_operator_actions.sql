-- Say whether acts of people can be recorded: there are tables, of this version.
SELECT to_regclass('operator_actions') IS NOT NULL
