-- Abandons that no pacer could have prevented are told apart. Lock-step rule as in 0001_init.sql.

-- of an abandoned person, whether only the loss of an agent's leg left him or her without one
alter table attempt add column forced boolean not null default false;
