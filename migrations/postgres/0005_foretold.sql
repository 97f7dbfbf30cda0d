-- What a decision foretold of each call it granted stands with the call, so that two decisions of one
-- instant are told apart and old decisions may be forgotten. Lock-step rule as in 0001_init.sql.

-- the chance of abandon should a person answer, the decision's mean; null without a forecast
alter table attempt add column chance double precision;

update attempt set chance = (
    select d.mean_chance from decision d
    where d.campaign_id = attempt.campaign_id and d.at = attempt.opened_at);
