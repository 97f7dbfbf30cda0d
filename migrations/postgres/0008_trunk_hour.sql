-- How well each trunk carried the calls begun in an hour. Lock-step rule as in 0001_init.sql.

create table trunk_hour (
    trunk_id bigint not null references trunk (id),
    -- the hour's beginning
    hour_at bigint not null,
    seizures bigint not null,
    answered bigint not null,
    effective bigint not null,
    rang bigint not null,
    -- sums over all that rang and all that were answered
    delay_us bigint not null,
    talk_us bigint not null,
    primary key (trunk_id, hour_at)
);
