-- Fingerprints are half the hash (RFC 2104 §5), and a campaign's contacts are read one behind the
-- other by exports and recycling. Lock-step rule as in 0001_init.sql.

update person set fingerprint = substr(fingerprint, 1, 32);

create index contact_campaign on contact (campaign_id, id);
