-- What a predictive pacer foresaw with a decision; null with the other modes'. Lock-step rule as
-- in 0001_init.sql.

-- the greatest chance of abandon a call was allowed
alter table decision add column threshold double precision;
-- persons expected on the line, and busy agents expected free, by the time of a new answer
alter table decision add column answers double precision;
alter table decision add column releases double precision;
-- the chance that a call is abandoned if a person answers it: the last one granted, the mean of
-- those granted, and the one that was refused, if any
alter table decision add column chance double precision;
alter table decision add column mean_chance double precision;
alter table decision add column next_chance double precision;
-- abandons the rule still allowed
alter table decision add column room double precision;
-- how far ahead the forecast looks
alter table decision add column ahead_us bigint;
