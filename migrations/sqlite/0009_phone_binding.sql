-- Where agents' phones are registered, so that a restart finds them. Lock-step rule as in
-- 0001_init.sql.

create table phone_binding (
    agent_id integer primary key,
    -- contact, address and transport, as json
    binding text not null,
    until_at bigint not null
);
