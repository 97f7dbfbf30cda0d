-- Calls that came in to the numbers campaigns show, and were answered. Lock-step rule as in
-- 0001_init.sql.

create table inbound_call (
    id bigint primary key,
    trunk_id integer not null,
    -- the campaign it was answered for: the one that called the person last
    campaign_id integer not null,
    -- the person-slot of the caller, if there was one
    person_id bigint,
    answered_at bigint not null,
    -- when the caller asked to be called no more
    opposed_at bigint,
    ended_at bigint
);

create index inbound_call_campaign on inbound_call (campaign_id, answered_at);
create index inbound_call_open on inbound_call (id) where ended_at is null;

create table inbound_call_personal (
    inbound_id bigint primary key,
    -- null if the caller hid it
    from_e164 text,
    to_e164 text not null
);

-- What agents corrected on contacts' cards, field by field; it only grows.
create table contact_change_personal (
    contact_id bigint not null,
    -- a field of the list; name, or number
    field text not null,
    nth integer not null,
    at bigint not null,
    agent_id integer,
    call_id bigint,
    source text not null,
    -- null for a field that was not there
    before text,
    -- null for a number that is wrong
    after text,
    primary key (contact_id, field, nth)
);
