-- A person abandoned counts from that moment on, whatever cuts the call then. Lock-step rule as in
-- 0001_init.sql.

-- when it was decided that no agent would be given, if the line still stood
alter table attempt add column abandoned_at bigint;
