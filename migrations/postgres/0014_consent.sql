-- What gives a client company the right to call a person, and what took it back. Lock-step rule as
-- in 0001_init.sql. Both tables only grow: nothing in them is changed.

create table consent (
    id bigint primary key,
    client_id bigint not null references client (id),
    person_id bigint not null references person (id),
    -- consent or contract
    basis text not null,
    -- where it was given, such as a form's name
    source text not null,
    -- the hash, id or address of the proof, if the list named one
    proof text,
    -- the list it came with: sha-256 of the file in hexadecimal, and the line in it
    list_sha256 text not null,
    list_line bigint not null,
    -- what it covers
    scope text,
    -- when it was given, a contract's beginning; null if unknown
    obtained_at bigint,
    -- when it ends by itself, a contract's end
    expires_at bigint,
    contract text,
    object text,
    -- whether the person agreed to calls outside the hours of the law
    out_of_hours boolean not null,
    recorded_at bigint not null
);

-- the same right again adds nothing, whatever list it comes with
create unique index consent_once on consent (person_id, client_id, basis,
    coalesce(obtained_at, 0), coalesce(expires_at, 0), coalesce(contract, ''),
    coalesce(proof, ''), out_of_hours);

create index consent_recorded on consent (client_id, recorded_at);

-- whoever takes a right back takes back all that were given until then
create table consent_withdrawal (
    client_id bigint not null references client (id),
    person_id bigint not null references person (id),
    at bigint not null,
    source text not null,
    primary key (person_id, client_id, at)
);
