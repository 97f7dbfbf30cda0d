-- Who may sign in at the desk. Lock-step rule as in 0001_init.sql.

create table account (
    id bigint primary key,
    name text not null unique,
    role text not null,
    -- whose seat it takes
    agent_id bigint references agent (id),
    -- argon2id, as a PHC string; null until an invitation is accepted
    password text,
    -- the secret of the second factor, sealed
    totp text,
    -- the last step of it that was used: none is taken twice
    totp_step bigint,
    -- the invitation that waits to be accepted
    invited_sha256 text,
    invited_until_at bigint,
    created_at bigint not null,
    disabled_at bigint
);

create unique index account_invited on account (invited_sha256);

-- A sign-in that lasts. Its token is nowhere but in the browser.
create table account_session (
    token_sha256 text primary key,
    account_id bigint not null references account (id),
    begun_at bigint not null,
    until_at bigint not null
);

create index account_session_account on account_session (account_id);
