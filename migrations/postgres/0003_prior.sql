-- What predictive pacers have learnt: counts only, no call, contact or agent. Lock-step rule as in
-- 0001_init.sql.

create table prior (
    campaign_id bigint not null,
    -- the list the contacts came from, 0 for none; list_import may have lost it since
    list_id bigint not null,
    -- the hour of the day in the campaign's zone; -1 for what the agents did
    hour bigint not null,
    -- when the count began, and when it was counted last
    from_at bigint not null,
    until_at bigint not null,
    -- calls counted
    calls bigint not null,
    -- what became of them by ring age, or of talks and write-ups by length, as json
    counts text not null,
    primary key (campaign_id, list_id, hour, from_at)
);
