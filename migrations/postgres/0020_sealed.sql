-- What came with calls that came in, and with corrected cards, is sealed too. Lock-step rule as in
-- 0001_init.sql. Rows of older programs are sealed at the next start.

-- the key of a caller's digits and of the bodies of the call's events, wrapped by a key of
-- the centre's; null in plain rows
alter table inbound_call_personal add column key text;

create index inbound_call_person on inbound_call (person_id) where person_id is not null;

-- the call that came in, of an event that tells of one
alter table outbox add column inbound_id bigint;

create index outbox_inbound on outbox (inbound_id) where inbound_id is not null;

update outbox set inbound_id = (
    select i.id from inbound_call i
    where outbox.event_id like '%!_' || upper('i') || i.id || '!__' escape '!')
where kind in ('call.received', 'call.opposed');
