-- The first schema. Lock-step rule: migrations/sqlite/0001_init.sql has the same tables and
-- columns; the types are those both engines know.
--
-- *_at   a moment, microseconds since 1970-01-01T00:00:00Z
-- *_us   a length of time in microseconds
-- ids    made by the program: the node's number in the upper bits, a count in the lower 48, so
--        that no sequence is shared between nodes; small ids of things set up by hand count from 1
-- *_personal tables hold every name, digit and note; the others know persons by id only

create table meta (
    name text primary key,
    value text not null
);

create table client (
    id bigint primary key,
    name text not null unique
);

create table trunk (
    id bigint primary key,
    name text not null unique
);

create table endpoint (
    name text primary key,
    disabled_at bigint
);

create table campaign (
    id bigint primary key,
    client_id bigint not null references client (id),
    name text not null unique,
    state text not null,
    state_at bigint not null,
    endpoint text references endpoint (name),
    -- rises each time a node takes the campaign over; every lease carries it
    owner_epoch bigint not null
);

create table caller_id (
    campaign_id bigint not null references campaign (id),
    position bigint not null,
    e164 text not null,
    primary key (campaign_id, position)
);

create table disposition (
    campaign_id bigint not null references campaign (id),
    code text not null,
    -- its place in the campaign's list; null once the list has it no more
    position bigint,
    label text not null,
    class text not null,
    primary key (campaign_id, code)
);

create table agent (
    id bigint primary key,
    name text not null unique,
    ha1_md5 text,
    ha1_sha256 text,
    contact_uri text,
    state text not null,
    -- the call, contact or pause code the state speaks of
    state_subject bigint,
    state_at bigint not null
);

create table agent_campaign (
    agent_id bigint not null references agent (id),
    position bigint not null,
    campaign_id bigint not null references campaign (id),
    primary key (agent_id, position)
);

create table agent_state (
    agent_id bigint not null,
    at bigint not null,
    state text not null,
    subject bigint,
    primary key (agent_id, at)
);

-- one person-slot per physical number
create table person (
    id bigint primary key,
    -- hmac-sha256 of the number under the key file, in hexadecimal
    fingerprint text not null unique
);

create table person_personal (
    person_id bigint primary key references person (id),
    e164 text not null
);

create table list_import (
    id bigint primary key,
    campaign_id bigint not null references campaign (id),
    file text not null,
    sha256 text not null,
    started_at bigint not null,
    ended_at bigint,
    read_count bigint not null,
    added_count bigint not null,
    unique (campaign_id, sha256)
);

create table contact (
    id bigint primary key,
    campaign_id bigint not null references campaign (id),
    client_id bigint not null references client (id),
    list_import_id bigint references list_import (id),
    external_id text,
    priority bigint not null,
    owner_agent_id bigint,
    state text not null,
    done_reason text,
    attempts bigint not null,
    -- of those, the ones that ended as congestion or trunk fault
    faults bigint not null,
    last_number_id bigint,
    -- the number to be tried first
    next_number_id bigint,
    callback_at bigint,
    callback_agent_id bigint,
    -- 0 while a callback is promised, otherwise the priority
    turn bigint not null,
    -- when it is due
    next_at bigint not null,
    -- when it may be claimed: next_at, the end of its lease, or never: the greatest bigint once
    -- it is done, the one before while a call is open
    free_at bigint not null,
    lease_epoch bigint not null,
    open_call_id bigint,
    last_call_id bigint,
    unique (campaign_id, external_id)
);

create index contact_claim on contact (campaign_id, turn, free_at, id);

create table contact_personal (
    contact_id bigint primary key references contact (id),
    name text,
    fields text not null
);

create table number (
    id bigint primary key,
    campaign_id bigint not null references campaign (id),
    contact_id bigint not null references contact (id),
    person_id bigint not null references person (id),
    position bigint not null,
    zone text not null,
    class text not null,
    invalid boolean not null,
    unique (campaign_id, person_id)
);

create index number_contact on number (contact_id, position);

-- rows of attempt outlive an erased contact: no foreign keys to what may be erased
create table attempt (
    call_id bigint primary key,
    campaign_id bigint not null,
    client_id bigint not null,
    contact_id bigint not null,
    number_id bigint not null,
    person_id bigint not null,
    trunk_id bigint not null,
    caller_id bigint not null,
    caller_e164 text,
    attempt bigint not null,
    agent_id bigint,
    opened_at bigint not null,
    ringing_at bigint,
    answered_at bigint,
    bridged_at bigint,
    ended_at bigint,
    completed_at bigint,
    outcome text,
    cause bigint not null,
    ended_by text,
    heard text,
    heard_confidence double precision,
    held_us bigint not null,
    disposition_code text,
    wrong_number boolean not null,
    qualified_at bigint,
    wrap_us bigint,
    amount_cents bigint
);

create index attempt_campaign on attempt (campaign_id, opened_at);
create index attempt_person on attempt (person_id, client_id, opened_at);
create index attempt_contact on attempt (contact_id);
create index attempt_open on attempt (call_id) where completed_at is null;
create index attempt_opened on attempt (opened_at, call_id);

create table attempt_personal (
    call_id bigint primary key,
    details text not null
);

create table rule_refusal (
    contact_id bigint not null,
    number_id bigint not null,
    stage text not null,
    at bigint not null,
    campaign_id bigint not null,
    rule text not null,
    until_at bigint,
    primary key (contact_id, number_id, stage, at)
);

create index rule_refusal_campaign on rule_refusal (campaign_id, at);

create table preview_skip (
    contact_id bigint not null,
    at bigint not null,
    campaign_id bigint not null,
    agent_id bigint not null,
    reason text not null,
    primary key (contact_id, at)
);

create table decision (
    campaign_id bigint not null,
    at bigint not null,
    asked bigint not null,
    why text not null,
    placed bigint not null,
    limited_by text not null,
    limit_trunk_id bigint,
    -- the counts the pacer saw, as json
    seen text not null,
    primary key (campaign_id, at)
);

create table do_not_call (
    person_id bigint not null references person (id),
    -- everyone, client or campaign, and which one (0 for everyone)
    scope text not null,
    scope_id bigint not null,
    reason text not null,
    source text not null,
    at bigint not null,
    until_at bigint,
    primary key (person_id, scope, scope_id)
);

create table outbox (
    event_id text primary key,
    endpoint text not null references endpoint (name),
    campaign_id bigint,
    call_id bigint,
    kind text not null,
    created_at bigint not null,
    tries bigint not null,
    next_try_at bigint,
    delivered_at bigint,
    status bigint,
    error text
);

create index outbox_due on outbox (endpoint, next_try_at) where next_try_at is not null;
create index outbox_call on outbox (call_id);
create index outbox_created on outbox (created_at);

create table outbox_personal (
    event_id text primary key references outbox (event_id),
    body text not null
);

-- the remote uri of a dialog holds the number called; a row lives as long as its dialog
create table dialog_personal (
    leg_id bigint primary key,
    call_id bigint,
    dialog text not null
);
