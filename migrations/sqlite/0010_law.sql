-- Whose law holds for a number, and which rule of it refused. Lock-step rule as in 0001_init.sql.

-- ISO 3166 code of the country or part; null where no law is known, and for numbers kept for fiction
alter table number add column territory text;

-- numbers imported before: the countries whose law comes along, by their codes
update number set territory = (
    select upper(case
        when p.e164 like '+33%' then 'fr'
        when p.e164 like '+262269%' or p.e164 like '+262639%' then 'fr-976'
        when p.e164 like '+262%' then 'fr-974'
        when p.e164 like '+590%' then 'fr-971'
        when p.e164 like '+594%' then 'fr-973'
        when p.e164 like '+596%' then 'fr-972'
        when p.e164 like '+508%' then 'fr-pm'
        when p.e164 like '+687%' then 'fr-nc'
        when p.e164 like '+689%' then 'fr-pf'
        when p.e164 like '+681%' then 'fr-wf'
        when p.e164 like '+32%' then 'be'
        when p.e164 like '+34%' then 'es'
        when p.e164 like '+39%' then 'it'
        when p.e164 like '+44%' then 'gb'
        when p.e164 like '+49%' then 'de'
        when p.e164 like '+1%' then 'us'
    end)
    from person_personal p where p.person_id = number.person_id);

-- the rule of law behind a refusal; null for rules of the campaign's or the centre's own
alter table rule_refusal add column law text;
