-- Queries of triggers, channels, events and deliveries.

-- name: find_trigger
SELECT doc FROM triggers WHERE project = :project AND location = :location AND id = :id

-- name: trigger_by_uid
SELECT doc FROM triggers WHERE uid = :uid

-- name: list_triggers
SELECT doc FROM triggers WHERE project = :project AND location = :location AND id > :after ORDER BY id LIMIT :limit

-- name: list_triggers_everywhere
SELECT doc FROM triggers WHERE project = :project AND (id, location) > (:after, :after_location)
ORDER BY id, location LIMIT :limit

-- name: count_triggers
SELECT count(*) FROM triggers WHERE project = :project

-- name: all_triggers
SELECT doc FROM triggers

-- name: add_trigger
INSERT INTO triggers (uid, project, location, id, doc) VALUES (:uid, :project, :location, :id, :doc)

-- name: save_trigger
UPDATE triggers SET doc = :doc WHERE uid = :uid

-- name: remove_trigger_policy
DELETE FROM iam_policies WHERE resource =
  (SELECT 'projects/' || project || '/locations/' || location || '/triggers/' || id FROM triggers WHERE uid = :uid)

-- name: remove_trigger
DELETE FROM triggers WHERE uid = :uid

-- name: find_channel
SELECT doc FROM trigger_channels WHERE project = :project AND location = :location AND id = :id

-- name: list_channels
SELECT doc FROM trigger_channels WHERE project = :project AND location = :location AND id > :after
ORDER BY id LIMIT :limit

-- name: list_channels_everywhere
SELECT doc FROM trigger_channels WHERE project = :project AND (id, location) > (:after, :after_location)
ORDER BY id, location LIMIT :limit

-- name: add_channel
INSERT INTO trigger_channels (uid, project, location, id, doc) VALUES (:uid, :project, :location, :id, :doc)

-- name: save_channel
UPDATE trigger_channels SET doc = :doc WHERE uid = :uid

-- name: remove_channel_policy
DELETE FROM iam_policies WHERE resource =
  (SELECT 'projects/' || project || '/locations/' || location || '/channels/' || id FROM trigger_channels WHERE uid = :uid)

-- name: remove_channel
DELETE FROM trigger_channels WHERE uid = :uid

-- name: newest_event
SELECT max(number) FROM trigger_events

-- name: add_event
INSERT INTO trigger_events (number, doc) VALUES (:number, :doc)

-- name: find_event
SELECT doc FROM trigger_events WHERE number = :number

-- Events that have no delivery any more, of those that just lost one.
-- name: remove_event
DELETE FROM trigger_events WHERE number = :number
AND NOT EXISTS (SELECT 1 FROM trigger_deliveries WHERE event = :number)

-- name: find_delivery
SELECT doc FROM trigger_deliveries WHERE uid = :uid

-- name: save_delivery
INSERT INTO trigger_deliveries (uid, event, trigger_uid, settle_s, has_failed, doc)
VALUES (:uid, :event, :trigger_uid, :settle_s, :has_failed, :doc)
ON CONFLICT (uid) DO UPDATE SET settle_s = excluded.settle_s, has_failed = excluded.has_failed, doc = excluded.doc

-- name: deliveries_of
SELECT uid, event, settle_s FROM trigger_deliveries WHERE trigger_uid = :trigger_uid

-- name: remove_delivery
DELETE FROM trigger_deliveries WHERE uid = :uid

-- name: failing
SELECT doc FROM trigger_deliveries WHERE trigger_uid = :trigger_uid AND has_failed ORDER BY event DESC LIMIT 1

-- The newest deliveries of a project; `place_event` and `place_uid` are those of the last one seen.
-- name: list_deliveries
SELECT trigger_deliveries.doc AS delivery, triggers.doc AS trigger_doc
FROM trigger_deliveries JOIN triggers ON triggers.uid = trigger_deliveries.trigger_uid
WHERE (event, trigger_deliveries.uid) < (:place_event, :place_uid)
AND project = :project AND (:location IS NULL OR location = :location)
AND (:trigger_uid = '' OR trigger_uid = :trigger_uid)
AND (:is_open IS NULL OR (settle_s IS NULL) = :is_open)
ORDER BY event DESC, trigger_deliveries.uid DESC LIMIT :limit

-- name: settled_before
SELECT uid, event FROM trigger_deliveries WHERE settle_s < :before_s ORDER BY settle_s LIMIT :limit

-- The instant from which on the newest of those that are over were settled.
-- name: settled_beyond
SELECT settle_s FROM trigger_deliveries WHERE settle_s IS NOT NULL ORDER BY settle_s DESC LIMIT 1 OFFSET :keep
