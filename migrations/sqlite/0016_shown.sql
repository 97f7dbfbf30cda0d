-- What kind of person a contact is: consumer, professional or sole_trader; null where it is one as
-- its campaign calls.
alter table contact add column kind text;

-- The calls that a network refused for the number they showed, to be counted at the start.
create index attempt_blocked on attempt (opened_at) where outcome = 'blocked';
