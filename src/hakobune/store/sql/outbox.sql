-- Commands between commit and perform, and the timers that wake rooms.

-- name: add
INSERT INTO outbox (id, room, subject, kind, payload, owner, expires_s, epoch)
VALUES (:id, :room, :subject, :kind, :payload, :owner, :expires_s, 1)

-- name: expired
SELECT * FROM outbox WHERE expires_s <= :now_s ORDER BY id LIMIT :limit

-- name: claim
-- A later epoch makes the writes of the former owner void.
UPDATE outbox SET owner = :owner, expires_s = :expires_s, epoch = epoch + 1 WHERE id = :id

-- name: complete
DELETE FROM outbox WHERE id = ? AND epoch = ?

-- name: release
-- An orderly stop is no sign of anything.
UPDATE outbox SET expires_s = 0, starts = 0, deaths = 0, crashes = 0 WHERE owner = :owner

-- name: take_over
UPDATE outbox SET expires_s = 0, starts = starts + 1, crashes = crashes + 1

-- name: begin_alone
UPDATE outbox SET deaths = deaths + 1 WHERE id = ? AND epoch = ?

-- name: begun
-- Deaths while it was begun leave more than one start behind. Those with one start were later: they stay.
UPDATE outbox SET deaths = CASE WHEN starts > 1 THEN 0 ELSE deaths END, starts = 0 WHERE id = ?

-- name: outlived
UPDATE outbox SET deaths = max(deaths - 1, 0) WHERE id = ?

-- name: unsuspected
UPDATE outbox SET deaths = 0, crashes = 0 WHERE id = ?

-- name: depth
SELECT count(*) FROM outbox

-- name: set_timer
-- Set again to the same instant, nothing is written.
INSERT INTO timers (room, subject, due_s) VALUES (:room, :subject, :due_s)
ON CONFLICT (room, subject) DO UPDATE SET due_s = excluded.due_s WHERE due_s <> excluded.due_s

-- name: clear_timer
DELETE FROM timers WHERE room = :room AND subject = :subject

-- name: due_timers
SELECT * FROM timers WHERE due_s <= :now_s ORDER BY due_s LIMIT :limit

-- name: next_timer
SELECT min(due_s) AS due_s FROM timers
