-- What tells of a command during which the runtime dies, at each start again.

-- Starts that took the command over since it was last known to be under way.
ALTER TABLE outbox ADD COLUMN starts INTEGER NOT NULL DEFAULT 0;
-- How often the runtime has ended while it began this command and no other of its kind.
ALTER TABLE outbox ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;
