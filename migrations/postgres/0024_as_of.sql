-- What must be known to tell, of a past moment, what stood then. Lock-step rule as in 0001_init.sql.

-- when a withdrawal came to count on this number, where it was said on another one that was found
-- to be the same consumer's later
alter table consent_withdrawal add column spread_at bigint;

-- when a contact was given the number; null in rows of older programs
alter table number add column added_at bigint;

alter table erased_number add column added_at bigint;

-- wishes in whose place a later one of the same number and reach stands
create table past_wish (
    person_id bigint not null references person (id),
    scope text not null,
    scope_id bigint not null,
    reason text not null,
    source text not null,
    at bigint not null,
    until_at bigint not null,
    primary key (person_id, scope, scope_id, at)
);
