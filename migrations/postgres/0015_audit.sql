-- The chain of what the law asks to be kept: each record carries the hash of all before it. Ids only,
-- no number and no name. Lock-step rule as in 0001_init.sql. Both tables only grow.

create table audit (
    -- 1, 2, 3 and so on, without a gap
    seq bigint primary key,
    at bigint not null,
    -- what happened, and to which call, contact, person, consent or campaign
    kind text not null,
    subject bigint not null,
    -- the particulars, as json with sorted keys
    said text not null,
    -- sha-256 of the hash before and of all of this, in hexadecimal
    hash text not null
);

create index audit_subject on audit (subject, kind);

-- signatures over the hash of a record and with it over all before
create table audit_head (
    seq bigint primary key,
    -- ed25519, in hexadecimal
    signature text not null
);
