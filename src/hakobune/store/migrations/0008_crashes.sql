-- What tells of an answer during whose handling the runtime dies, at each start again.

-- Starts that took the command over since all was handled that was open when it was begun.
ALTER TABLE outbox ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
