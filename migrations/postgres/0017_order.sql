-- The order of a list: a score within the priority, shares of lists, contacts that a full quota
-- holds. Lock-step rule as in 0001_init.sql.

-- 0 to 100; of two contacts with one priority the higher is called first
alter table contact add column score bigint not null default 0;

-- the full quota that holds it: free_at is then the greatest bigint but two
alter table contact add column held text;

-- turn is from now on 1000 times the lane, and beyond that 0 while a callback is promised, otherwise
-- 101 times the priority less the score
update contact set turn = priority * 101 where turn > 0;

create index contact_held on contact (campaign_id, held) where held is not null;

-- the lane of its contacts: 0, or that of its share
alter table list_import add column lane bigint not null default 0;
